//! Shapes as SVG.

use crate::shape::{Anchor, At, Colour, Shape, Sides, Size};
use std::fmt::Write;

pub(crate) fn draw(shapes: &[Shape], Sides { width, height }: Sides, title: &str) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"system-ui, sans-serif\" role=\"img\">\n<title>{}</title>\n",
        escaped(title)
    );
    for shape in shapes {
        element(&mut svg, shape).expect("writing to a String cannot fail");
    }
    svg.push_str("</svg>\n");
    svg
}

fn element(svg: &mut String, shape: &Shape) -> std::fmt::Result {
    match shape {
        Shape::Line { points, colour, width, dashed } => {
            write!(
                svg,
                "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"",
                hex(*colour)
            )?;
            if *dashed {
                svg.push_str(" stroke-dasharray=\"5 4\"");
            }
            svg.push_str(" points=\"");
            for (number, (x, y)) in points.iter().enumerate() {
                write!(svg, "{}{},{}", if number > 0 { " " } else { "" }, tenths(*x), tenths(*y))?;
            }
            svg.push_str("\"/>\n");
            Ok(())
        }
        Shape::Rectangle { at: (x, y), width, height, colour } => writeln!(
            svg,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>",
            tenths(*x),
            tenths(*y),
            tenths(*width),
            tenths(*height),
            hex(*colour)
        ),
        Shape::Area { rings, colour } => {
            write!(svg, "<path fill=\"{}\" d=\"", hex(*colour))?;
            for ring in rings {
                for (number, (x, y)) in ring.iter().enumerate() {
                    write!(svg, "{}{},{}", if number > 0 { " " } else { "M" }, tenths(*x), tenths(*y))?;
                }
                svg.push('Z');
            }
            svg.push_str("\"/>\n");
            Ok(())
        }
        Shape::Circle { at: (x, y), radius, colour } => writeln!(
            svg,
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{}\"/>",
            tenths(*x),
            tenths(*y),
            tenths(*radius),
            hex(*colour)
        ),
        Shape::Text { text, .. } if text.is_empty() => Ok(()),
        Shape::Text { at, text, size, anchor, turned, colour } => {
            let place = place(*at, *size, *turned);
            let anchor = match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            };
            let (size, colour) = (size.height(), hex(*colour));
            writeln!(
                svg,
                "<text {place} font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{}</text>",
                escaped(text)
            )
        }
    }
}

/// A text's place: SVG has its baseline, which lies a third of its height below the middle.
fn place((x, y): At, size: Size, turned: bool) -> String {
    let below = size.height() * 0.35;
    match turned {
        false => format!("x=\"{}\" y=\"{}\"", tenths(x), tenths(y + below)),
        true => format!("transform=\"translate({} {}) rotate(-90)\"", tenths(x + below), tenths(y)),
    }
}

fn hex(Colour(red, green, blue): Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// To a tenth of a pixel: what is finer nobody sees, and long lines would double the file.
fn tenths(value: f32) -> f32 {
    (value * 10.0).round() / 10.0
}

fn escaped(text: &str) -> String {
    // Control characters are not allowed in XML at all.
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use crate::Figure;

    #[test]
    fn text_cannot_break_out() {
        let figure = Figure::new("<script>\u{1}\"&").line("a<b", [(0.0, 1.0)]).line("c", [(0.0, 1.0)]);
        let svg = figure.svg();
        assert!(svg.contains("&lt;script&gt;&quot;&amp;") && svg.contains("a&lt;b"), "{svg}");
        assert!(!svg.contains("<script") && !svg.contains('\u{1}'));
    }

    #[test]
    fn every_element_is_closed() {
        let figure = Figure::new("t")
            .line("l", [(0.0, 1.0), (1.0, 2.0)])
            .bars("b", [(0.0, 1.0, 1.0)])
            .mark("m", (0.5, 1.5));
        let svg = figure.svg();
        for line in svg.lines().skip(1).filter(|line| *line != "</svg>") {
            assert!(
                line.ends_with("/>") || line.ends_with("</text>") || line.ends_with("</title>"),
                "{line}"
            );
        }
        assert!(svg.contains("<polyline") && svg.contains("<rect") && svg.contains("<circle"));
    }
}
