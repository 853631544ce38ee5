//! What both formats can say comes back the same from a way through the other.

mod answers;
mod requests;

use proptest::{collection::btree_map, prelude::*};
use serde_json::{Value, json};

fn word() -> impl Strategy<Value = String> {
    "[a-zé\"\\\\\n{}\u{2028}]{0,5}[a-z]"
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9_-]{0,7}"
}

/// What a function is given, and what a schema holds.
fn object() -> impl Strategy<Value = Value> {
    let value = prop_oneof![
        word().prop_map(Value::from),
        any::<i32>().prop_map(Value::from)
    ];
    btree_map(word(), value, 0..3).prop_map(|members| json!(members))
}
