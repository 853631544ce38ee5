//! Which functions the model may call.

use serde_json::value::RawValue;

use crate::{
    completion::Tool,
    dialects::fields::{Fields, Path, is_object},
    error::RequestError,
    translation::Losses,
};

/// Reads `tools`. One that is no function is lost.
///
/// # Errors
/// One of them is not as it must be.
pub(super) fn read<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<Vec<Tool<'a>>, RequestError> {
    let Some(tools) = fields.take("tools")? else {
        return Ok(Vec::new());
    };
    let path = Path::Body.member("tools");
    let tools = path.list(tools, "a list of functions")?.into_iter();
    let mut known = Vec::with_capacity(tools.len());
    for (place, value) in tools.enumerate() {
        known.extend(tool(value, path.place(place), losses)?);
    }
    Ok(known)
}

fn tool<'a>(
    value: &'a RawValue,
    path: Path<'_>,
    losses: &mut Losses,
) -> Result<Option<Tool<'a>>, RequestError> {
    let mut fields = Fields::read(value, path)?;
    let kind = fields.text("type")?;
    if let Some(kind) = kind.filter(|kind| kind != "function") {
        path.member(&kind).lose(losses);
        return Ok(None);
    }
    let at = path.member("function");
    let told = fields.take("function")?;
    let mut told = Fields::read(told.ok_or_else(|| at.wanted("an object"))?, at)?;
    let parameters = told.take("parameters")?;
    if parameters.is_some_and(|parameters| !is_object(parameters)) {
        return Err(at.member("parameters").wanted("a JSON Schema"));
    }
    let tool = Tool {
        name: told.name("name")?,
        description: told.text("description")?,
        parameters,
        strict: told.value("strict", "true or false")?,
        cache_control: fields.take("cache_control")?,
    };
    told.lose_rest(losses);
    fields.lose_rest(losses);
    Ok(Some(tool))
}
