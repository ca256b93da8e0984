//! Floats, some of which were integers in the JSON: those remember it, in case integers turn out to need a column of their own.

/// Floats in a column.
#[derive(Debug, Default)]
pub(in crate::normalize) struct Floats {
    values: Vec<f64>,
    /// The rows, in rising order, whose value was an integer within 2^53.
    integers: Vec<u32>,
}

impl Floats {
    /// Integers, each within 2^53, of which some rows are null.
    #[expect(clippy::cast_precision_loss, reason = "each integer is within 2^53")]
    pub(super) fn of_integers(integers: &[i64], is_valid: impl Fn(usize) -> bool) -> Self {
        let rows = 0..u32::try_from(integers.len()).unwrap_or(u32::MAX);
        Self {
            values: integers.iter().map(|value| *value as f64).collect(),
            integers: rows.filter(|row| is_valid(*row as usize)).collect(),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, value: f64) {
        self.values.push(value);
    }

    /// Adds an integer within 2^53.
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "the integer is within 2^53")]
    pub(super) fn push_integer(&mut self, value: i64) {
        self.integers.push(u32::try_from(self.values.len()).unwrap_or(u32::MAX));
        self.values.push(value as f64);
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.values.truncate(len);
        let kept = self.integers.partition_point(|row| (*row as usize) < len);
        self.integers.truncate(kept);
    }

    pub(super) fn bytes(&self) -> usize {
        self.values.len() * size_of::<f64>() + self.integers.len() * size_of::<u32>()
    }

    pub(in crate::normalize) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(in crate::normalize) fn into_values(self) -> Vec<f64> {
        self.values
    }

    /// Whether the value of a row was an integer.
    pub(in crate::normalize) fn is_integer(&self, row: usize) -> bool {
        u32::try_from(row).is_ok_and(|row| self.integers.binary_search(&row).is_ok())
    }
}

/// The integer that a float is without loss.
pub(in crate::normalize) fn exact_int(value: f64) -> Option<i64> {
    // Beyond 2^53 a float text may stand for several integers.
    let whole = value.trunc();
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and within 2^53")]
    (whole == value && whole.abs() <= 9_007_199_254_740_992.0).then_some(whole as i64)
}
