//! `ckc` as it is typed: every test reads like a terminal session, or looks at what one left.

#[cfg(test)]
mod downloads;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod interactive;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod old;
#[cfg(test)]
mod present;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod support;
#[cfg(test)]
mod uploads;
