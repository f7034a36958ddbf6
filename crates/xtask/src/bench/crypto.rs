//! Part `crypto`: what encryption and wrapping cost by themselves.

use super::ceilings::{Primitive, primitives};
use super::report::{Table, rate, ratio};
use super::{Bench, Measured};
use crate::step::Result;

pub(super) fn measure(bench: &Bench) -> Result<Measured> {
    let all = primitives(bench, bench.plan.ceiling.min(3))?;
    Ok(Measured {
        text: table(&all),
        errors: 0,
    })
}

/// A line for each primitive: one thread beside all cores.
pub(super) fn table(all: &[Primitive]) -> String {
    let threads = all.iter().map(|primitive| primitive.threads).max();
    let mut table = Table::new(&[
        "primitive",
        "one thread",
        &format!("{} threads", threads.unwrap_or(1)),
        "gain",
        "µs each",
    ]);
    for one in all.iter().filter(|primitive| primitive.threads == 1) {
        let many = all
            .iter()
            .rfind(|primitive| primitive.name == one.name)
            .unwrap_or(one);
        let gain = ratio(many.per_second, one.per_second);
        if one.unit == "GB" {
            let speed = |primitive: &Primitive| format!("{:.2} GB/s", primitive.per_second);
            table.row(&[
                one.name.clone(),
                speed(one),
                speed(many),
                gain,
                String::new(),
            ]);
        } else {
            table.row(&[
                one.name.clone(),
                format!("{}/s", rate(one.per_second)),
                format!("{}/s", rate(many.per_second)),
                gain,
                format!("{:.1}", 1e6 / one.per_second),
            ]);
        }
    }
    table.finish()
}
