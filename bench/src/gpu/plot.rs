//! Sums in G1 by size as a figure: both axes logarithmic, one line for each contender.

use std::fmt::Write;

use super::sweep::Timing;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 50.0;
const COLORS: [&str; 4] = ["#1b6ca8", "#c8553d", "#3c8d5a", "#8a63a8"];

/// A contender's sizes (logarithms) and milliseconds.
struct Line<'a> {
    contender: &'a str,
    points: Vec<(f64, f64)>,
}

/// The figure; one that says so where nothing was measured on a card.
pub fn msm(timings: &[Timing], caption: Option<&str>) -> String {
    let lines = lines(timings);
    let body = match caption.filter(|_| !lines.is_empty()) {
        Some(caption) => chart(&lines, caption),
        None => text(
            WIDTH / 2.0,
            HEIGHT / 2.0,
            "middle",
            "MSM in G1 on a card: not measured",
        ),
    };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
    )
}

fn lines(timings: &[Timing]) -> Vec<Line<'_>> {
    let mut lines: Vec<Line> = Vec::new();
    for timing in timings.iter().filter(|timing| timing.operation == "MSM G1") {
        let Some(seconds) = timing.best_seconds else {
            continue;
        };
        let point = (f64::from(timing.log_size), 1e3 * seconds);
        match lines
            .iter_mut()
            .find(|line| line.contender == timing.contender)
        {
            Some(line) => line.points.push(point),
            None => lines.push(Line {
                contender: &timing.contender,
                points: vec![point],
            }),
        }
    }
    lines
}

fn chart(lines: &[Line], caption: &str) -> String {
    let all = || lines.iter().flat_map(|line| &line.points);
    let least = |of: fn(&(f64, f64)) -> f64| all().map(of).fold(f64::MAX, f64::min);
    let most = |of: fn(&(f64, f64)) -> f64| all().map(of).fold(f64::MIN, f64::max);
    let (from, to) = (
        least(|point| point.0),
        most(|point| point.0).max(least(|point| point.0) + 1.0),
    );
    let low = least(|point| point.1).log10().floor();
    let high = most(|point| point.1).log10().ceil().max(low + 1.0);
    let x = |log: f64| LEFT + (log - from) / (to - from) * (WIDTH - LEFT - RIGHT);
    let y =
        |exponent: f64| HEIGHT - BOTTOM - (exponent - low) / (high - low) * (HEIGHT - TOP - BOTTOM);
    let mut out = text(
        LEFT,
        TOP / 2.0,
        "start",
        &format!("MSM in G1, milliseconds, {caption}"),
    );
    for exponent in low as i32..=high as i32 {
        let (at, label) = (y(f64::from(exponent)), 10_f64.powi(exponent));
        rule(&mut out, [LEFT, at, WIDTH - RIGHT, at]);
        out += &text(LEFT - 8.0, at + 4.0, "end", &label.to_string());
    }
    for log in from as i32..=to as i32 {
        out += &text(
            x(f64::from(log)),
            HEIGHT - BOTTOM + 20.0,
            "middle",
            &format!("2^{log}"),
        );
    }
    for (line, color) in lines.iter().zip(COLORS.iter().cycle()) {
        let points = line.points.iter().map(|(log, ms)| (x(*log), y(ms.log10())));
        out += &polyline(&points.collect::<Vec<_>>(), color, line.contender);
    }
    out
}

fn polyline(points: &[(f64, f64)], color: &str, label: &str) -> String {
    let list = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}"));
    let list = list.collect::<Vec<_>>().join(" ");
    let mut out = format!(
        "<polyline points=\"{list}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>\n"
    );
    for (x, y) in points {
        let _ = writeln!(
            out,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{color}\"/>"
        );
    }
    let end = points.last().copied().unwrap_or_default();
    out + &text(end.0 + 10.0, end.1 + 4.0, "start", label)
}

fn rule(out: &mut String, [x1, y1, x2, y2]: [f64; 4]) {
    let _ = writeln!(
        out,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#dddddd\"/>"
    );
}

fn text(x: f64, y: f64, anchor: &str, text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#222222\">{text}</text>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(contender: &str, log_size: u32, best_seconds: Option<f64>) -> Timing {
        Timing {
            operation: "MSM G1",
            log_size,
            contender: contender.to_owned(),
            best_seconds,
            median_seconds: best_seconds,
            runs: 1,
            reason: None,
        }
    }

    #[test]
    fn each_contender_has_a_line_through_what_was_measured() {
        let timings = [
            timing("a", 16, Some(0.001)),
            timing("b", 16, Some(0.01)),
            timing("a", 20, Some(0.02)),
            timing("b", 20, None),
            timing("c", 20, None),
        ];
        let figure = msm(&timings, Some("a card & more"));
        assert_eq!(figure.matches("<polyline").count(), 2);
        assert_eq!(figure.matches("<circle").count(), 3);
        assert!(figure.contains(">a<") && figure.contains(">b<") && !figure.contains(">c<"));
        assert!(figure.contains("a card &amp; more") && !figure.contains("NaN"));
        assert!(!figure.contains("not measured"));
    }

    #[test]
    fn one_size_is_a_figure_too_and_none_says_so() {
        let figure = msm(&[timing("a", 16, Some(0.5))], Some("card"));
        assert!(figure.contains("<circle") && !figure.contains("NaN") && !figure.contains("inf"));
        for (timings, card) in [
            (vec![], Some("card")),
            (vec![timing("a", 16, Some(0.5))], None),
        ] {
            assert!(msm(&timings, card).contains("not measured"));
        }
    }
}
