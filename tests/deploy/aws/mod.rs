//! deploy/aws: the templates of CloudFormation. None was ever given to AWS from here. They are judged
//! by a linter that knows AWS's schemas; what they come to is computed, as CloudFormation would, and
//! held to the program: its source, its configuration, the tables it makes, the calls it makes.

mod actions;
mod evaluation;
mod gate;
mod least_privilege;
mod lint;
mod roles;
mod service;
mod storage;
mod tables;
