//! Measuring: every operation once a round, so that whatever else the machine does hits all alike.

use std::collections::HashMap;

use crate::Result;
use crate::rival::Who;

/// Rounds before those that count.
const WARM_UP: usize = 3;

/// Something to measure: does it once and says what it cost, in milliseconds.
pub(crate) struct Series<'a> {
    pub(crate) operation: &'static str,
    pub(crate) who: Who,
    pub(crate) once: Box<dyn FnMut() -> Result<f64> + 'a>,
}

/// What was measured.
pub(crate) struct Samples(HashMap<(&'static str, Who), Vec<f64>>);

impl Samples {
    /// Measures all series, interleaved.
    pub(crate) fn take(mut series: Vec<Series<'_>>, rounds: usize) -> Result<Self> {
        let mut taken: HashMap<_, Vec<f64>> = HashMap::new();
        for round in 0..WARM_UP + rounds {
            for series in &mut series {
                let (operation, who) = (series.operation, series.who);
                let cost = (series.once)().map_err(|why| format!("{operation} by {who}: {why}"))?;
                if round >= WARM_UP {
                    taken.entry((operation, who)).or_default().push(cost);
                }
            }
        }
        Ok(Self(taken))
    }

    /// The median of a series, if it was measured.
    pub(crate) fn median(&self, operation: &'static str, who: Who) -> Option<f64> {
        self.0.get(&(operation, who)).map(|values| median(values))
    }

    /// Adds what another run has measured.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// The median; of an even number the mean of the middle two.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        even if even % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
