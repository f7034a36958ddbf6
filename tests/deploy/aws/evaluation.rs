//! What the templates come to: every reference resolved, what a condition leaves out left out.

use std::collections::BTreeMap;
use std::process::Command;

use crypt_keeper_test_services as services;
use serde_json::{Map, Value, json};

use crate::{python_program, read, repository};

/// In the order in which they are made: each may import what those before it export.
const STACKS: [&str; 4] = ["storage", "secrets", "roles", "service"];
pub(super) const REGION: &str = "eu-central-1";
pub(super) const ACCOUNT: &str = "123456789012";
/// What a reference to nothing comes to.
const NO_VALUE: &str = "AWS::NoValue";

/// The paths of all templates.
pub(super) fn paths() -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(repository("deploy/aws"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == "yaml"))
        .collect();
    paths.sort();
    let names: Vec<_> = paths
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap())
        .collect();
    let mut known = STACKS;
    known.sort_unstable();
    assert_eq!(names, known, "a template that these tests do not know");
    paths
}

/// All stacks of a site, evaluated.
#[derive(Debug)]
pub(super) struct Site {
    stacks: BTreeMap<&'static str, BTreeMap<String, Value>>,
}

impl Site {
    /// Of servers of a role, in the simplest site that there may be; `None`, after saying so, if
    /// there is no Python.
    pub(super) fn of(role: &str) -> Option<Self> {
        Self::with(&[("service", "Role", role)])
    }

    /// With parameters that differ, by template.
    pub(super) fn with(different: &[(&str, &str, &str)]) -> Option<Self> {
        let templates = templates()?;
        let mut exports = BTreeMap::new();
        let mut stacks = BTreeMap::new();
        for name in STACKS {
            let mut parameters = site_of(name);
            let ours = different.iter().filter(|(stack, ..)| *stack == name);
            parameters.extend(ours.map(|(_, key, value)| ((*key).to_owned(), (*value).to_owned())));
            let stack = Stack::new(name, &templates[name], &parameters, exports.clone());
            stacks.insert(name, stack.resources());
            exports.extend(stack.exports());
        }
        Some(Self { stacks })
    }

    /// A resource: its `Type`, `Properties` and what else there is.
    pub(super) fn resource(&self, stack: &str, name: &str) -> &Value {
        let found = self.stacks[stack].get(name);
        found.unwrap_or_else(|| panic!("{stack} has no {name}"))
    }

    /// A property of a resource, by JSON pointer.
    pub(super) fn property(&self, stack: &str, name: &str, pointer: &str) -> &Value {
        let found = self.resource(stack, name)["Properties"].pointer(pointer);
        found.unwrap_or_else(|| panic!("{stack} {name} has no {pointer}"))
    }

    /// Stack, name and resource of every resource of a type.
    pub(super) fn all(&self, kind: &str) -> Vec<(&str, &str, &Value)> {
        let each = self.stacks.iter().flat_map(|(stack, resources)| {
            resources
                .iter()
                .map(move |(name, found)| (*stack, name.as_str(), found))
        });
        each.filter(|(.., found)| found["Type"] == kind).collect()
    }

    /// Stack, name and resource of every resource.
    pub(super) fn every(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        self.stacks.iter().flat_map(|(stack, resources)| {
            resources
                .iter()
                .map(move |(name, found)| (*stack, name.as_str(), found))
        })
    }
}

/// The parameters that have no default.
fn site_of(stack: &str) -> BTreeMap<String, String> {
    let set: &[(&str, &str)] = match stack {
        "storage" => &[("BucketName", "documents-of-example")],
        "service" => &[
            ("Tasks", "2"),
            (
                "Image",
                "123456789012.dkr.ecr.eu-central-1.amazonaws.com/crypt-keeper@sha256:\
                 0000000000000000000000000000000000000000000000000000000000000000",
            ),
            (
                "ImageRepositoryArn",
                "arn:aws:ecr:eu-central-1:123456789012:repository/crypt-keeper",
            ),
            ("Vpc", "vpc-11111111"),
            ("PublicSubnetA", "subnet-aaaaaaaa"),
            ("PublicSubnetB", "subnet-bbbbbbbb"),
            ("LoadBalancerNetworks", "10.0.0.0/24,10.0.1.0/24"),
            ("PrivateSubnetA", "subnet-cccccccc"),
            ("PrivateSubnetB", "subnet-dddddddd"),
            (
                "CertificateArn",
                "arn:aws:acm:eu-central-1:123456789012:certificate/1",
            ),
            ("PublicUrl", "https://documents.example.com"),
            ("KeyStoreSecurityGroup", "sg-11111111"),
        ],
        _ => &[],
    };
    set.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn templates() -> Option<BTreeMap<String, Value>> {
    let python = python_program("python")?;
    let printed = services::run(
        Command::new(python)
            .arg(repository("tests/deploy-check/templates.py"))
            .args(paths()),
    );
    let all: BTreeMap<String, Value> = serde_json::from_str(&printed.unwrap()).unwrap();
    let by_name = |(path, template): (String, Value)| {
        let name = std::path::Path::new(&path).file_stem().unwrap();
        (name.to_str().unwrap().to_owned(), template)
    };
    Some(all.into_iter().map(by_name).collect())
}

/// One stack of a template.
struct Stack<'a> {
    name: String,
    template: &'a Value,
    parameters: BTreeMap<String, String>,
    imports: BTreeMap<String, Value>,
}

impl<'a> Stack<'a> {
    fn new(
        template_name: &str,
        template: &'a Value,
        given: &BTreeMap<String, String>,
        imports: BTreeMap<String, Value>,
    ) -> Self {
        let mut parameters = BTreeMap::new();
        let declared = template["Parameters"].as_object();
        for (name, declared) in declared.into_iter().flatten() {
            let default = match &declared["Default"] {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            };
            let value = given.get(name).cloned().or(default);
            let value = value.unwrap_or_else(|| panic!("{template_name}: {name} is not given"));
            parameters.insert(name.clone(), value);
        }
        for name in given.keys() {
            assert!(parameters.contains_key(name), "{template_name}: no {name}");
        }
        Self {
            name: format!("crypt-keeper-{template_name}"),
            template,
            parameters,
            imports,
        }
    }

    fn resources(&self) -> BTreeMap<String, Value> {
        let all = self.template["Resources"].as_object().unwrap().iter();
        let made = all.filter(|(_, resource)| {
            resource["Condition"]
                .as_str()
                .is_none_or(|condition| self.holds(condition))
        });
        made.map(|(name, resource)| (name.clone(), self.value(resource).unwrap()))
            .collect()
    }

    fn exports(&self) -> BTreeMap<String, Value> {
        let all = self.template["Outputs"].as_object().unwrap().values();
        let exported = all.filter(|output| output.get("Export").is_some());
        exported
            .map(|output| {
                let name = self.value(&output["Export"]["Name"]).unwrap();
                let value = self.value(&output["Value"]).unwrap();
                (name.as_str().unwrap().to_owned(), value)
            })
            .collect()
    }

    fn holds(&self, condition: &str) -> bool {
        self.truth(&self.template["Conditions"][condition])
    }

    fn truth(&self, value: &Value) -> bool {
        match function(value) {
            Some(("Fn::Equals", sides)) => self.value(&sides[0]) == self.value(&sides[1]),
            Some(("Fn::Not", other)) => !self.truth(&other[0]),
            _ => panic!("{}: no condition that these tests know: {value}", self.name),
        }
    }

    /// `None`: nothing at all.
    fn value(&self, value: &Value) -> Option<Value> {
        match (function(value), value) {
            (Some(("Ref", name)), _) => self.reference(name.as_str().unwrap()),
            (Some(("Fn::GetAtt", path)), _) => Some(self.attribute(path)),
            (Some(("Fn::Sub", text)), _) => Some(self.substituted(text)),
            (Some(("Fn::If", parts)), _) => {
                let taken = if self.holds(parts[0].as_str().unwrap()) {
                    &parts[1]
                } else {
                    &parts[2]
                };
                self.value(taken)
            }
            (Some(("Fn::Join", parts)), _) => {
                let pieces = self.value(&parts[1]).unwrap();
                let pieces: Vec<&str> = strings(&pieces);
                Some(json!(pieces.join(parts[0].as_str().unwrap())))
            }
            (Some(("Fn::ImportValue", name)), _) => {
                let name = self.value(name).unwrap();
                let found = self.imports.get(name.as_str().unwrap());
                Some(
                    found
                        .unwrap_or_else(|| panic!("nobody exports {name}"))
                        .clone(),
                )
            }
            (Some((other, _)), _) => panic!("{}: these tests do not know {other}", self.name),
            (None, Value::Array(all)) => {
                Some(all.iter().filter_map(|one| self.value(one)).collect())
            }
            (None, Value::Object(all)) => {
                let kept = all
                    .iter()
                    .filter_map(|(key, one)| Some((key.clone(), self.value(one)?)));
                Some(Value::Object(kept.collect::<Map<_, _>>()))
            }
            (None, other) => Some(other.clone()),
        }
    }

    fn reference(&self, name: &str) -> Option<Value> {
        let value = match name {
            NO_VALUE => return None,
            "AWS::Region" => json!(REGION),
            "AWS::AccountId" => json!(ACCOUNT),
            "AWS::Partition" => json!("aws"),
            "AWS::URLSuffix" => json!("amazonaws.com"),
            "AWS::StackName" => json!(self.name),
            _ => match self.parameters.get(name) {
                Some(value)
                    if self.template["Parameters"][name]["Type"] == "CommaDelimitedList" =>
                {
                    value.split(',').collect()
                }
                Some(value) => json!(value),
                None => self.made(name),
            },
        };
        Some(value)
    }

    /// What CloudFormation calls a resource: its name where the template gives one that matters
    /// here.
    fn made(&self, name: &str) -> Value {
        let resource = &self.template["Resources"][name];
        match resource["Type"].as_str() {
            Some("AWS::S3::Bucket") => self.value(&resource["Properties"]["BucketName"]).unwrap(),
            Some(_) => json!(format!("{}/{name}", self.name)),
            None => panic!("{}: nothing is called {name}", self.name),
        }
    }

    fn attribute(&self, path: &Value) -> Value {
        let path = match path {
            Value::String(path) => path.clone(),
            parts => strings(parts).join("."),
        };
        let (resource, attribute) = path.split_once('.').unwrap();
        let made = self.made(resource);
        let made = made.as_str().unwrap();
        let kind = self.template["Resources"][resource]["Type"].as_str();
        match (kind.unwrap(), attribute) {
            ("AWS::S3::Bucket", "Arn") => json!(format!("arn:aws:s3:::{made}")),
            _ => json!(format!("{made}.{attribute}")),
        }
    }

    fn substituted(&self, given: &Value) -> Value {
        let (text, own) = match given {
            Value::String(text) => (text.as_str(), None),
            parts => (parts[0].as_str().unwrap(), Some(&parts[1])),
        };
        let mut done = String::new();
        let mut rest = text;
        while let Some((before, from)) = rest.split_once("${") {
            let (name, after) = from.split_once('}').unwrap();
            let own = own.and_then(|own| own.get(name));
            let value = match own {
                Some(value) => self.value(value),
                None if name.contains('.') => Some(self.attribute(&json!(name))),
                None => self.reference(name),
            };
            done.push_str(before);
            done.push_str(value.unwrap().as_str().unwrap());
            rest = after;
        }
        done.push_str(rest);
        json!(done)
    }
}

/// A function's name and what it is given.
fn function(value: &Value) -> Option<(&str, &Value)> {
    let only = value.as_object().filter(|object| object.len() == 1)?;
    let (name, given) = only.iter().next()?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name.as_str(), given))
}

/// A list of texts, or one text alone.
pub(super) fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().map(|one| one.as_str().unwrap()).collect(),
        other => panic!("no list of texts: {other}"),
    }
}

#[test]
fn it_evaluates_as_cloudformation_does() {
    let Some(site) = Site::of("full") else {
        return;
    };
    let prefix = "arn:aws:dynamodb:eu-central-1:123456789012:table/crypt-keeper-";
    let statements = site.property("roles", "MetadataPolicy", "/PolicyDocument/Statement");
    assert_eq!(statements[1]["Resource"], format!("{prefix}catalogue"));
    let rules = "/LifecycleConfiguration/Rules";
    assert_eq!(
        site.property("storage", "Bucket", rules)
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let bucket = &site.resource("storage", "Bucket")["Properties"];
    assert_eq!(bucket.get("CorsConfiguration"), None);

    let different = [
        ("storage", "KeepVersions", "yes"),
        (
            "storage",
            "AllowedOrigins",
            "https://a.example,https://b.example",
        ),
    ];
    let site = Site::with(&different).unwrap();
    let rules = site.property("storage", "Bucket", rules);
    assert_eq!(rules.as_array().unwrap().len(), 2);
    assert_eq!(
        site.property(
            "storage",
            "Bucket",
            "/CorsConfiguration/CorsRules/0/AllowedOrigins"
        ),
        &json!(["https://a.example", "https://b.example"])
    );
    // Fn::Sub leaves what the text says of itself.
    assert!(read(repository("deploy/aws/service.yaml")).contains("$FOLDER"));
}
