//! Constraints, health checks and conditions of an environment (CEL). The evaluator knows no budget, and an allocation that
//! fails ends the process: what an expression can cost is told from its tree before it is evaluated.
//!
//! Nothing is cut short: an expression either runs to its end, or is refused with a sentence before that.

mod cost;

use cel::{Context, Program, Value as CelValue};
use cost::{Meter, Size};
use serde_json::Value;

/// No honest expression is longer.
// A bound for the parser, too: it meets a text before anything is measured.
const LONGEST: usize = 4096;
/// Functions of CEL that are not here: they bring every time zone of the world into the binary.
const ABSENT: [&str; 2] = ["timestamp", "duration"];

/// An expression that is well-formed, and cheap whatever stands in its variables so far as it alone can tell.
pub struct Expression(Program);

impl Expression {
    /// From its text; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!(
                "expected at most {LONGEST} characters, found {}",
                text.len()
            ));
        }

        let program = Program::compile(text)
            .map_err(|error| parse_error(error.to_string().lines().next().unwrap_or_default()))?;

        let references = program.references();
        if let Some(name) = ABSENT.into_iter().find(|name| references.has_function(name)) {
            return Err(format!(
                "there is no {name}() here: compare times as texts (RFC 3339 in UTC, as the API server writes them)"
            ));
        }

        // What is too much with nothing in its variables is too much always.
        Meter::new(&[]).check(program.expression())?;
        Ok(Self(program))
    }

    /// Whether it holds of these variables.
    pub fn holds(&self, variables: &[(&str, &Value)]) -> Result<bool, String> {
        as_bool(&self.value(variables)?)
    }

    /// The text that it gives of these variables.
    pub fn text(&self, variables: &[(&str, &Value)]) -> Result<String, String> {
        match self.value(variables)? {
            CelValue::String(text) => Ok(text.to_string()),
            _ => Err("expected text, found another value".into()),
        }
    }

    fn value(&self, variables: &[(&str, &Value)]) -> Result<CelValue, String> {
        let mut context = Context::default();
        for (name, value) in variables {
            context
                .add_variable(*name, *value)
                .map_err(|error| error.to_string())?;
        }

        // The sizes of what is there: what an expression can cost hangs on it.
        let sizes: Vec<_> = variables
            .iter()
            .map(|(name, value)| (*name, Size::from_value(value)))
            .collect();

        self.evaluate(&context, &sizes)
    }

    /// Whether it holds of a list of numbers, which may be none (NaN) or infinite.
    pub fn holds_of(&self, name: &str, numbers: &[f64]) -> Result<bool, String> {
        // JSON knows neither, and a metric may be both: the numbers go in as they are.
        let mut context = Context::default();
        context
            .add_variable(name, numbers.to_vec())
            .map_err(|error| error.to_string())?;
        as_bool(&self.evaluate(&context, &[(name, Size::numbers(numbers.len()))])?)
    }

    fn evaluate(&self, context: &Context<'_, '_>, sizes: &[(&str, Size)]) -> Result<CelValue, String> {
        // Once more, with what stands in the variables now.
        Meter::new(sizes).check(self.0.expression())?;
        self.0.execute(context).map_err(|error| error.to_string())
    }
}

fn as_bool(value: &CelValue) -> Result<bool, String> {
    match value {
        CelValue::Bool(holds) => Ok(*holds),
        // Nothing else is taken for true: a condition that gives a text is a mistake in its file.
        _ => Err("expected true or false, found another value".into()),
    }
}

/// `ERROR: <input>:1:10: Syntax error: …`, for people.
fn parse_error(line: &str) -> String {
    let parts = line
        .strip_prefix("ERROR: <input>:")
        .map(|rest| rest.splitn(3, ':').collect::<Vec<_>>());

    match parts.as_deref() {
        Some([_, column, why]) => {
            let why = why.trim().replace("Syntax error: ", "");
            format!("the expression is wrong at its character {column}: {why}")
        }
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holds(text: &str, value: &Value) -> Result<bool, String> {
        Expression::parse(text)?.holds(&[("self", value)])
    }

    #[test]
    fn what_doubles_a_text_or_a_list_is_refused_before_it_is_evaluated() {
        // Each doubling is short to write: 28 of them make 256 MiB of one letter.
        let text = format!("['x']{}[0] == 'x'", ".map(s, s + s)".repeat(28));
        let list = format!("[[1]]{}[0] == [1]", ".map(s, s + s)".repeat(28));
        let nested = format!("size([1]{}) > 0", ".map(s, [s, s])".repeat(28));
        let literals = format!("{}1{} == 1", "[".repeat(60), "]".repeat(60));

        for bomb in [&text, &list, &nested] {
            let why = Expression::parse(bomb)
                .err()
                .unwrap_or_else(|| panic!("{bomb} is taken"));
            assert!(why.contains("too much memory"), "{why}");
        }

        assert!(
            Expression::parse(&literals).is_ok(),
            "a nested literal is no bomb"
        );
    }

    #[test]
    fn what_loops_for_ever_over_an_object_is_refused_and_an_ordinary_check_of_it_is_not() {
        let pods: Vec<_> = (0..400)
            .map(|n| json!({"name": format!("web-{n}"), "containers": [{"name": "a", "ready": true}, {"name": "b"}]}))
            .collect();
        let value = json!({"pods": pods, "status": {"conditions": [{"type": "Ready", "status": "True"}]}});

        // What checks are made of: loops over a loop's element, and a second list for each element.
        for ordinary in [
            "self.status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')",
            "self.pods.all(p, p.containers.exists(c, has(c.ready) && c.ready))",
            "self.pods.filter(p, p.name.startsWith('web')).map(p, p.name).exists(n, n.matches('^web-[0-9]+$'))",
            "self.pods.all(p, self.status.conditions.all(c, c.status == 'True' || c.type == p.name))",
            "size(self.pods.map(p, p.name + '!')) == 400",
        ] {
            assert_eq!(holds(ordinary, &value), Ok(true), "{ordinary}");
        }

        // 400 pods to the fourth.
        let cube = "self.pods.all(a, self.pods.all(b, self.pods.all(c, self.pods.all(d, a != 1 && b != c && d != 2))))";
        assert!(holds(cube, &value).unwrap_err().contains("too long"));
    }

    #[test]
    fn times_compare_as_texts_and_their_functions_are_told_to_be_absent() {
        let value = json!({"created": "2026-11-28T10:00:00Z", "renewed": "2026-11-28T10:00:05Z"});
        assert_eq!(holds("self.created < self.renewed", &value), Ok(true));
        assert_eq!(holds("self.renewed < self.created", &value), Ok(false));

        for call in [
            "timestamp(self.created)",
            "[1].all(x, duration('5s') > duration('1s'))",
        ] {
            let why = Expression::parse(call).err().unwrap();
            assert!(why.contains("compare times as texts"), "{why}");
        }
    }

    #[test]
    fn deep_and_long_expressions_are_told_and_not_followed_down() {
        for text in [
            "!".repeat(4000),
            "-".repeat(4000),
            "(".repeat(4000),
            "[".repeat(4000),
        ] {
            assert!(Expression::parse(&text).is_err());
        }

        for link in ["true && ", "true ? true : ", "1 + ", "a."] {
            let text = format!("{}true", link.repeat(4000 / link.len()));
            // Taken or refused: that it comes back at all is asked here.
            Expression::parse(&text).and_then(|taken| taken.holds(&[])).ok();
        }

        assert!(
            Expression::parse(&"a".repeat(5000))
                .err()
                .unwrap()
                .contains("at most 4096")
        );

        // Loops within loops are looked at again and again: the looks themselves are counted.
        let loops = format!("{}true{}", "[1, 2].all(x, ".repeat(40), ")".repeat(40));
        assert!(Expression::parse(&loops).is_err());
    }
}
