//! DynamoDB Local, Amazon's own. Its licence wants its user to have an AWS account and forbids
//! passing it on: it is fetched by whoever runs the tests, never vendored or put into an image.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::tools;

const VERSION: &str = "3.3.1";
const MAVEN_PLUGIN: &str =
    "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
const HINT: &str = "install Maven and Java 17, or name a DynamoDB Local by CK_TEST_DYNAMODB_URL";

/// Java, and the folder of the jars and native libraries that it runs.
pub(crate) struct DynamoDbLocalProgram {
    pub(crate) java: PathBuf,
    pub(crate) libraries: PathBuf,
}

pub(crate) fn program(cache: &Cache) -> Result<DynamoDbLocalProgram> {
    let java = tools::need("java", HINT)?;
    let name = format!("services/dynamodb-local-{VERSION}");
    let jar = format!("lib/DynamoDBLocal-{VERSION}.jar");
    let folder = cache.install(&name, &jar, |folder| {
        let maven = tools::need("mvn", HINT)?;
        tools::announce(&format!(
            "installing DynamoDB Local {VERSION} (once, seconds)"
        ));
        let project = folder.join("pom.xml");
        fs::write(&project, project_file())
            .map_err(|source| Error::file("write", &project, source))?;
        tools::run(
            Command::new(maven)
                .args(["-B", "-q", MAVEN_PLUGIN])
                .args(["-DoutputDirectory=lib", "-DincludeScope=runtime"])
                .current_dir(folder),
        )
        .map(drop)
    })?;
    Ok(DynamoDbLocalProgram {
        java,
        libraries: folder.join("lib"),
    })
}

/// A project of one dependency: Maven pins all that it needs in turn.
fn project_file() -> String {
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  \
         <modelVersion>4.0.0</modelVersion>\n  \
         <groupId>tests</groupId>\n  \
         <artifactId>dynamodb-local</artifactId>\n  \
         <version>{VERSION}</version>\n  \
         <dependencies>\n    \
         <dependency>\n      \
         <groupId>software.amazon.dynamodb</groupId>\n      \
         <artifactId>DynamoDBLocal</artifactId>\n      \
         <version>{VERSION}</version>\n    \
         </dependency>\n  \
         </dependencies>\n\
         </project>\n"
    )
}
