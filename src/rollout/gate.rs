//! Whether the answer to a query is as an environment wants it.

use crate::model::expression::Expression;
use serde_json::Value as Json;

/// The sample values of a Prometheus answer (`/api/v1/query`): of a vector one each, of a scalar one.
pub fn samples(answer: &Json) -> Result<Vec<f64>, String> {
    if answer.get("status").and_then(Json::as_str) != Some("success") {
        let why = answer
            .get("error")
            .and_then(Json::as_str)
            .unwrap_or("not a Prometheus response");
        return Err(why.to_owned());
    }

    // Prometheus writes numbers as text, and its `NaN` and `+Inf` parse as well.
    let value = |pair: &Json| pair.get(1)?.as_str()?.parse::<f64>().ok();
    let result = answer.pointer("/data/result").unwrap_or(&Json::Null);
    match answer.pointer("/data/resultType").and_then(Json::as_str) {
        Some("vector") => {
            let all = result.as_array().into_iter().flatten();
            // A native histogram has no single value, and is left out.
            Ok(all.filter_map(|sample| value(sample.get("value")?)).collect())
        }
        Some("scalar") => Ok(value(result).into_iter().collect()),
        other => Err(format!(
            "expected a vector or a scalar, found {}",
            other.unwrap_or("nothing")
        )),
    }
}

/// Whether a condition holds over `result`, the list of sample values.
pub fn holds(condition: &str, result: &[f64]) -> Result<bool, String> {
    Expression::parse(condition)?.holds_of("result", result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_vector_gives_one_value_a_sample_and_an_error_its_reason() {
        let answer = json!({"status": "success", "data": {"resultType": "vector", "result": [
            {"metric": {"job": "web"}, "value": [1, "0.5"]}, {"metric": {}, "value": [1, "2"]}]}});
        assert_eq!(samples(&answer), Ok(vec![0.5, 2.0]));

        let wrong = json!({"status": "error", "errorType": "bad_data", "error": "unknown function"});
        assert_eq!(samples(&wrong), Err("unknown function".into()));
    }

    #[test]
    fn a_condition_speaks_of_all_values_of_the_first_or_of_none() {
        assert_eq!(holds("result.all(value, value < 1.0)", &[0.1, 0.2]), Ok(true));
        assert_eq!(holds("result.all(value, value < 1.0)", &[0.1, 1.2]), Ok(false));
        assert_eq!(holds("size(result) == 0", &[]), Ok(true));
        // Without a sample it is no "no": nobody knows.
        assert!(holds("result[0] < 1.0", &[]).is_err());
        assert!(holds("result[0] <", &[1.0]).is_err());
    }
}
