//! Medians, bounds and means.

/// The median; 0 for no values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

/// Minimum and maximum; zeros for no values.
pub fn bounds(values: &[f64]) -> (f64, f64) {
    let reduced = |pick: fn(f64, f64) -> f64| values.iter().copied().reduce(pick);
    (reduced(f64::min).unwrap_or_default(), reduced(f64::max).unwrap_or_default())
}

/// The mean; 0 for no values.
pub fn mean(values: &[f64]) -> f64 {
    let count = u32::try_from(values.len()).expect("turns and seconds are few");
    values.iter().sum::<f64>() / f64::from(count.max(1))
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_of_an_even_number_is_the_mean_of_the_middle_two() {
        assert_eq!([median(vec![9.0, 1.0, 2.0]), median(vec![2.0, 1.0])], [2.0, 1.5]);
    }
}
