//! Everything that came of the flow.

use crypt_keeper_tests::http::Answer;
use crypt_keeper_tests::{Found, Ran, Secrets};

/// Pieces of text and bytes, each with the place it was found at.
#[derive(Default)]
pub(crate) struct Evidence {
    pieces: Vec<(String, Vec<u8>)>,
}

impl Evidence {
    pub(crate) fn add(&mut self, place: &str, bytes: impl Into<Vec<u8>>) {
        self.pieces.push((place.to_owned(), bytes.into()));
    }

    /// Both outputs of a command.
    pub(crate) fn ran(&mut self, command: &str, ran: &Ran) {
        self.add(&format!("{command}: stdout"), ran.stdout.clone());
        self.add(&format!("{command}: stderr"), ran.stderr.clone());
    }

    /// An answer, without the two fields that are there to hold a secret.
    pub(crate) fn answer(&mut self, request: &str, answer: &Answer) {
        let headers: String = answer
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\n"))
            .collect();
        self.add(&format!("{request}: headers"), headers);
        let body = match serde_json::from_slice(&answer.body) {
            Ok(serde_json::Value::Object(mut members))
                if matches!(answer.status, 200 | 201) && members.contains_key("symmetric_key") =>
            {
                assert_eq!(
                    answer.header("cache-control"),
                    Some("no-store"),
                    "{request}"
                );
                members.remove("symmetric_key");
                members.remove("single_use_url");
                serde_json::to_vec(&members).unwrap()
            }
            _ => answer.body.clone(),
        };
        self.add(&format!("{request}: body"), body);
    }

    pub(crate) fn places(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.pieces
            .iter()
            .map(|(place, bytes)| (place.as_str(), bytes.as_slice()))
    }

    pub(crate) fn search(&self, secrets: &Secrets) -> Vec<Found> {
        self.places()
            .flat_map(|(place, bytes)| secrets.find(place, bytes))
            .collect()
    }
}
