//! The one change that voteops makes to LogQL expressions.

use crate::units;

/// Divides every range (`[5m]`) in `expr` by `time_scale` and leaves everything else alone, what is
/// quoted too. A scale of 1 gives the text back as it was.
///
/// # Errors
/// What is wrong with a range or a quotation.
pub fn scale(expr: &str, time_scale: f64) -> Result<String, String> {
    #[expect(clippy::float_cmp, reason = "exactly 1 is the unscaled stack")]
    if time_scale == 1.0 {
        return Ok(expr.to_owned());
    }
    let mut scaled = String::with_capacity(expr.len());
    let mut rest = expr;
    while let Some(at) = rest.find(['"', '`', '[']) {
        let (before, from) = rest.split_at(at);
        scaled.push_str(before);
        if let Some(range) = from.strip_prefix('[') {
            let (range, after) = range.split_once(']').ok_or("a range does not end")?;
            let range = units::scale_duration(range.trim(), time_scale)?;
            scaled.extend(["[", &range, "]"]);
            rest = after;
        } else {
            let end = quoted(from).ok_or("a quotation does not end")?;
            let (text, after) = from.split_at(end);
            scaled.push_str(text);
            rest = after;
        }
    }
    Ok(scaled + rest)
}

/// The length of the quotation that `text` begins with. Between backquotes nothing is escaped.
fn quoted(text: &str) -> Option<usize> {
    let quote = text.chars().next()?;
    let mut escaped = false;
    text.char_indices().skip(1).find_map(|(at, c)| {
        let ends = c == quote && !escaped;
        escaped = quote == '"' && c == '\\' && !escaped;
        ends.then_some(at + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_scale_and_what_is_quoted_stays() {
        for (given, scaled) in [
            (
                r#"sum by (service) (count_over_time({a="[5m]"} |= `\[1h` [5m])) > 10"#,
                r#"sum by (service) (count_over_time({a="[5m]"} |= `\[1h` [10s])) > 10"#,
            ),
            (r#"rate({a="\"[5m]"}[1m])"#, r#"rate({a="\"[5m]"}[2s])"#),
        ] {
            assert_eq!(scale(given, 30.0).unwrap(), scaled);
            assert_eq!(scale(given, 1.0).unwrap(), given);
        }
        for wrong in [
            "rate({a=\"x\"}[5m",
            "rate({a=\"x}[5m])",
            "rate({a=\"x\"}[soon])",
        ] {
            scale(wrong, 30.0).unwrap_err();
        }
    }
}
