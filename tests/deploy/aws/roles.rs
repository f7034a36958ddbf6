//! What a role may do, as AWS would decide it: only what a statement allows.

use serde_json::Value;

use super::evaluation::{ACCOUNT, REGION, Site, strings};

/// What somebody wants to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Request {
    /// Like `dynamodb:GetItem`.
    pub(super) action: String,
    /// The ARN of what it is done to.
    pub(super) resource: String,
    /// For DynamoDB: the hash keys of the items.
    pub(super) leading_keys: Vec<String>,
}

impl Request {
    pub(super) fn new(action: &str, resource: &str) -> Self {
        Self {
            action: action.to_owned(),
            resource: resource.to_owned(),
            leading_keys: Vec::new(),
        }
    }
}

/// All that a role has, inline and attached.
#[derive(Debug)]
pub(super) struct Role {
    pub(super) statements: Vec<Statement>,
}

#[derive(Debug)]
pub(super) struct Statement {
    pub(super) actions: Vec<String>,
    pub(super) resources: Vec<String>,
    condition: Option<Value>,
}

impl Role {
    pub(super) fn of(site: &Site, stack: &str, name: &str) -> Self {
        let properties = &site.resource(stack, name)["Properties"];
        let inline = properties["Policies"].as_array().into_iter().flatten();
        let mut documents: Vec<&Value> = inline.map(|policy| &policy["PolicyDocument"]).collect();
        if let Some(attached) = properties.get("ManagedPolicyArns") {
            for made in strings(attached) {
                let (_, policy) = made.split_once('/').unwrap();
                documents.push(site.property(stack, policy, "/PolicyDocument"));
            }
        }
        let statements = documents
            .into_iter()
            .flat_map(|document| document["Statement"].as_array().unwrap());
        Self {
            statements: statements.map(Statement::read).collect(),
        }
    }

    pub(super) fn allows(&self, request: &Request) -> bool {
        self.statements.iter().any(|one| one.allows(request))
    }

    /// All actions of a service, sorted.
    pub(super) fn actions(&self, service: &str) -> Vec<&str> {
        let all = self.statements.iter().flat_map(|one| &one.actions);
        let mut all: Vec<&str> = all
            .filter(|action| action.split_once(':').unwrap().0 == service)
            .map(String::as_str)
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl Statement {
    fn read(statement: &Value) -> Self {
        assert_eq!(statement["Effect"], "Allow", "{statement}");
        for other in ["NotAction", "NotResource", "Principal"] {
            assert_eq!(statement.get(other), None, "{statement}");
        }
        let texts = |name: &str| {
            let found = strings(&statement[name]).into_iter();
            found.map(str::to_owned).collect()
        };
        Self {
            actions: texts("Action"),
            resources: texts("Resource"),
            condition: statement.get("Condition").cloned(),
        }
    }

    fn allows(&self, request: &Request) -> bool {
        self.actions.contains(&request.action)
            && self
                .resources
                .iter()
                .any(|one| fits(one, &request.resource))
            && self.condition_holds(request)
    }

    fn condition_holds(&self, request: &Request) -> bool {
        let Some(condition) = &self.condition else {
            return true;
        };
        let all = condition.as_object().unwrap().iter();
        let mut each = all.flat_map(|(operator, keys)| {
            let keys = keys.as_object().unwrap().iter();
            keys.map(move |(key, wanted)| (operator.as_str(), key.as_str(), wanted))
        });
        each.all(|condition| match condition {
            ("ForAllValues:StringEquals", "dynamodb:LeadingKeys", wanted) => {
                let wanted = strings(wanted);
                let mut keys = request.leading_keys.iter();
                keys.all(|key| wanted.contains(&key.as_str()))
            }
            // S3 and Secrets Manager make these calls in their caller's name.
            ("StringEquals", "kms:ViaService", _) => true,
            other => panic!("no condition that these tests know: {other:?}"),
        })
    }
}

/// `*` stands for anything.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The ARN of a table, or of what is below it.
pub(super) fn table(name: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}")
}

const ROLES: [&str; 3] = ["ServerRole", "SetupRole", "IngestRole"];

#[test]
fn no_action_is_a_pattern_and_no_role_reaches_beyond_what_is_ours() {
    let Some(site) = Site::of("full") else {
        return;
    };
    let ours = [
        table("crypt-keeper-"),
        "arn:aws:s3:::documents-of-example".to_owned(),
        "crypt-keeper-storage/ObjectsKey.Arn".to_owned(),
    ];
    for name in ROLES {
        let role = Role::of(&site, "roles", name);
        for statement in &role.statements {
            for action in &statement.actions {
                assert!(!action.contains(['*', '?']), "{name}: {action}");
            }
            for resource in &statement.resources {
                let is_ours = ours.iter().any(|ours| resource.starts_with(ours));
                assert!(is_ours, "{name}: {resource}");
            }
        }
    }
    let execution = Role::of(&site, "service", "ExecutionRole");
    for statement in &execution.statements {
        let anything = statement.resources == ["*"];
        let login = statement.actions == ["ecr:GetAuthorizationToken"];
        assert_eq!(anything, login, "{statement:?}");
        assert!(!statement.actions.iter().any(|action| action.contains('*')));
    }
}

#[test]
fn each_role_may_do_its_own_work_and_not_another_s() {
    let Some(site) = Site::of("full") else {
        return;
    };
    let month = table("crypt-keeper-documents-000-20260301");
    let index = format!("{month}/index/by_principal");
    let audit = table("crypt-keeper-audit");
    let accounts = table("crypt-keeper-accounts");
    let other = table("billing");
    let bucket = "arn:aws:s3:::documents-of-example";
    let object = "arn:aws:s3:::documents-of-example/0/20260301/id/random";
    let neighbour = "arn:aws:s3:::documents-of-example-2/0/20260301/id/random";
    // Action, resource: may the service, its setup, a server that only accepts uploads?
    for (action, resource, may) in [
        ("dynamodb:CreateTable", month.as_str(), [true, true, false]),
        ("dynamodb:CreateTable", &accounts, [false, true, false]),
        ("dynamodb:DeleteTable", &accounts, [false; 3]),
        ("dynamodb:PutItem", &month, [true; 3]),
        ("dynamodb:Query", &month, [true, true, false]),
        ("dynamodb:Query", &index, [true, true, false]),
        ("dynamodb:Scan", &month, [false; 3]),
        ("dynamodb:UpdateItem", &month, [true, true, false]),
        ("dynamodb:GetItem", &accounts, [true; 3]),
        ("dynamodb:PutItem", &accounts, [true, true, false]),
        ("dynamodb:PutItem", &audit, [true; 3]),
        ("dynamodb:Query", &audit, [true, true, false]),
        ("dynamodb:UpdateItem", &audit, [false; 3]),
        ("dynamodb:DeleteItem", &audit, [false; 3]),
        ("dynamodb:GetItem", &other, [false; 3]),
        ("dynamodb:PutItem", &other, [false; 3]),
        // A missing object is answered 404 only to who may list.
        ("s3:ListBucket", bucket, [true, true, false]),
        ("s3:PutObject", object, [true; 3]),
        ("s3:GetObject", object, [true, true, false]),
        ("s3:DeleteObject", object, [true, true, false]),
        ("s3:PutObject", neighbour, [false; 3]),
        ("s3:DeleteBucket", bucket, [false; 3]),
        ("s3:PutBucketPolicy", bucket, [false; 3]),
        (
            "kms:Decrypt",
            "crypt-keeper-storage/ObjectsKey.Arn",
            [true, true, false],
        ),
        (
            "kms:GenerateDataKey",
            "crypt-keeper-storage/ObjectsKey.Arn",
            [true; 3],
        ),
        (
            "kms:Decrypt",
            "crypt-keeper-secrets/SecretsKey.Arn",
            [false; 3],
        ),
        (
            "secretsmanager:GetSecretValue",
            "crypt-keeper-secrets/MasterKey",
            [false; 3],
        ),
    ] {
        let request = Request::new(action, resource);
        let found = ROLES.map(|name| Role::of(&site, "roles", name).allows(&request));
        assert_eq!(found, may, "{action} on {resource}");
    }
}

/// In the catalogue, such a server enters months of the audit log; nothing else there is its own.
#[test]
fn a_server_that_accepts_uploads_cannot_change_the_schema() {
    let Some(site) = Site::of("full") else {
        return;
    };
    let role = Role::of(&site, "roles", "IngestRole");
    let mut request = Request::new("dynamodb:PutItem", &table("crypt-keeper-catalogue"));
    for (key, may) in [("audit", true), ("schema", false), ("partitions", false)] {
        request.leading_keys = vec![key.to_owned()];
        assert_eq!(role.allows(&request), may, "{key}");
    }
}

/// Who starts a server reads its secrets, and only those that a server of its role needs.
#[test]
fn secrets_are_read_by_who_starts_a_server_and_only_what_it_needs() {
    for (role, reads_private_halves) in [("full", true), ("ingest", false)] {
        let Some(site) = Site::of(role) else {
            return;
        };
        let execution = Role::of(&site, "service", "ExecutionRole");
        let reads = |secret: &str| {
            let secret = format!("crypt-keeper-secrets/{secret}");
            execution.allows(&Request::new("secretsmanager:GetSecretValue", &secret))
        };
        assert!(reads("TlsCertificate") && reads("TlsPrivateKey"));
        for secret in ["MasterKey", "KeyStoreUrl", "KeyStoreAuthorities"] {
            assert_eq!(reads(secret), reads_private_halves, "{role}: {secret}");
        }
        assert!(!reads("SecretsKey") && !reads("Master"));
    }
}

#[test]
fn patterns_fit_as_they_do_at_aws() {
    for (pattern, text, fit) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a*", "ab/c", true),
        ("a*", "ba", false),
        ("a*/index/x", "a1/index/x", true),
        ("a*/index/x", "a1/index/y", false),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-c", false),
        ("*", "", true),
    ] {
        assert_eq!(fits(pattern, text), fit, "{pattern} {text}");
    }
}
