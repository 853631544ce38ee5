//! Which of the client's headers travel upstream.

use super::header_policy::RuleError;

/// The request allow list of one provider, compiled.
#[derive(Clone, Debug)]
pub struct RequestHeaderPolicy {}

impl RequestHeaderPolicy {
    /// Compiles names and prefixes (`"openai-beta"`, `"x-fireworks-*"`).
    ///
    /// # Errors
    /// Every rule that names what never travels upstream.
    pub fn compile(_names: &[String]) -> Result<Self, Vec<RuleError>> {
        Ok(Self {})
    }
}
