//! Points by class.

use ocelli_plot::{Axis, Figure};

/// Classes that have a colour and a name of their own; more could not be told apart.
const NAMED: usize = 10;

/// Points, (right, up), in the colours of their classes. Where there are more than ten classes, the ten with most points have colours
/// and names, and the others are grey.
///
/// # Panics
/// If there is not a label for each point, or it is no class.
#[must_use]
pub fn figure(
    title: &str,
    (x, y): (&str, &str),
    points: &[(f64, f64)],
    labels: &[usize],
    classes: &[String],
) -> Figure {
    assert_eq!(points.len(), labels.len(), "a label for each point");
    let mut counts = vec![0_usize; classes.len()];
    labels.iter().for_each(|label| counts[*label] += 1);
    let mut order: Vec<usize> = (0..classes.len()).filter(|class| counts[*class] > 0).collect();
    order.sort_by_key(|class| std::cmp::Reverse(counts[*class]));
    let others = order.split_off(order.len().min(NAMED));
    // The legend has the classes' own order.
    order.sort_unstable();
    let of = |wanted: &dyn Fn(usize) -> bool| -> Vec<(f64, f64)> {
        points.iter().zip(labels).filter(|(_, label)| wanted(**label)).map(|(point, _)| *point).collect()
    };
    let mut figure = Figure::new(title).size(900.0, 720.0).x(Axis::linear(x)).y(Axis::linear(y));
    if !others.is_empty() {
        let name = format!("{} other classes", others.len());
        figure = figure.faint_points(name, of(&|label| others.contains(&label)));
    }
    order.iter().fold(figure, |figure, class| figure.points(&classes[*class], of(&|label| label == *class)))
}

#[cfg(test)]
mod tests {
    use super::figure;

    #[test]
    fn ten_classes_have_names_and_the_others_are_told() {
        let classes: Vec<String> = (0..25).map(|class| format!("class {class}")).collect();
        // Class 24 has most points, class 0 none.
        let labels: Vec<usize> = (0..25).flat_map(|class| vec![class; class]).collect();
        let points: Vec<(f64, f64)> = labels.iter().map(|label| (*label as f64, 1.0)).collect();
        let svg = figure("t", ("a", "b"), &points, &labels, &classes).svg();
        assert!(
            svg.contains(">14 other classes<") && svg.contains(">class 24<") && svg.contains(">class 15<")
        );
        assert!(!svg.contains(">class 14<"));
        assert_eq!(svg.matches("<circle").count(), points.len());
    }
}
