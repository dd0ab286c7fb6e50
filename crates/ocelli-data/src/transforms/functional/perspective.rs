//! Perspective maps.

/// The eight numbers of the perspective map that leads from `corners` of the result, as (x, y), to those of an image of
/// (height, width), both from the top left on clockwise: (a x + b y + c, d x + e y + f) / (g x + h y + 1).
/// `None` if there is none, as where corners lie on a line.
pub(super) fn coefficients(corners: [[f64; 2]; 4], (height, width): (usize, usize)) -> Option<[f64; 8]> {
    let (right, bottom) = (width as f64 - 1.0, height as f64 - 1.0);
    let sources = [[0.0, 0.0], [right, 0.0], [right, bottom], [0.0, bottom]];
    let mut rows = [[0.0; 9]; 8];
    for (i, ([x, y], [to_x, to_y])) in corners.into_iter().zip(sources).enumerate() {
        rows[2 * i] = [x, y, 1.0, 0.0, 0.0, 0.0, -to_x * x, -to_x * y, to_x];
        rows[2 * i + 1] = [0.0, 0.0, 0.0, x, y, 1.0, -to_y * x, -to_y * y, to_y];
    }
    solve(rows)
}

/// Solves eight equations by elimination, the largest number of each column first.
fn solve(mut rows: [[f64; 9]; 8]) -> Option<[f64; 8]> {
    for column in 0..8 {
        let largest = (column..8).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()))?;
        rows.swap(column, largest);
        let pivot = rows[column];
        if pivot[column].abs() < 1e-9 {
            return None;
        }
        for row in (0..8).filter(|row| *row != column) {
            let factor = rows[row][column] / pivot[column];
            for (value, above) in rows[row].iter_mut().zip(pivot) {
                *value -= factor * above;
            }
        }
    }
    Some(std::array::from_fn(|i| rows[i][8] / rows[i][i]))
}
