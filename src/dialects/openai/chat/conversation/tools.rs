//! Which functions the model may, should or must call.

use std::{borrow::Cow, collections::HashSet};

use serde_json::value::RawValue;

use crate::{
    completion::{Tool, ToolChoice},
    dialects::fields::{Fields, Path, is_object},
    error::RequestError,
    translation::Losses,
};

/// What a request says of them.
#[derive(Default)]
pub(super) struct Called<'a> {
    pub(super) tools: Vec<Tool<'a>>,
    pub(super) choice: Option<ToolChoice<'a>>,
    pub(super) parallel: Option<bool>,
}

/// Reads `tools`, `tool_choice` and `parallel_tool_calls`, and their elders `functions` and
/// `function_call`. A tool that is no function is lost, unless one must be called.
///
/// # Errors
/// One of them is not as it must be, or a tool must be called that is not there.
pub(super) fn read<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<Called<'a>, RequestError> {
    let mut called = Called {
        parallel: fields.value("parallel_tool_calls", "true or false")?,
        ..Called::default()
    };
    // The first tool that is no function.
    let mut strange = None;
    if let Some(tools) = fields.take("tools")? {
        let path = Path::Body.member("tools");
        let tools = path.list(tools, "a list of tools")?;
        for (place, value) in tools.into_iter().enumerate() {
            match tool(value, path.place(place), losses)? {
                Some(tool) => called.tools.push(tool),
                None => strange = strange.or(Some(place)),
            }
        }
    }
    if let Some(functions) = fields.take("functions")? {
        let path = Path::Body.member("functions");
        let functions = path.list(functions, "a list of functions")?;
        for (place, value) in functions.into_iter().enumerate() {
            called
                .tools
                .push(function(value, path.place(place), losses)?);
        }
        // Whoever speaks of functions can be told of one call only.
        called.parallel = called.parallel.or(Some(false));
    }
    let newer = fields.take("tool_choice")?;
    let older = fields.take("function_call")?;
    let path = Path::Body.member(if newer.is_some() || older.is_none() {
        "tool_choice"
    } else {
        "function_call"
    });
    if let Some(choice) = newer.or(older) {
        called.choice = choose(choice, path, &mut called.tools, losses)?;
    }
    if called.tools.is_empty() {
        match called.choice.take() {
            None | Some(ToolChoice::Auto | ToolChoice::None) => called.parallel = None,
            Some(_) => {
                let Some(place) = strange else {
                    return Err(path.wanted("absent where there is no function to be called"));
                };
                let wanted = "`function`: one must be called, and the provider knows no other tool";
                let tools = Path::Body.member("tools");
                return Err(tools.place(place).member("type").wanted(wanted));
            }
        }
    }
    Ok(called)
}

/// `None`: it is no function.
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
    let mut tool = function(told.ok_or_else(|| at.wanted("an object"))?, at, losses)?;
    tool.cache_control = fields.take("cache_control")?.or(tool.cache_control);
    fields.lose_rest(losses);
    Ok(Some(tool))
}

fn function<'a>(
    value: &'a RawValue,
    path: Path<'_>,
    losses: &mut Losses,
) -> Result<Tool<'a>, RequestError> {
    let mut fields = Fields::read(value, path)?;
    let parameters = fields.take("parameters")?;
    if parameters.is_some_and(|parameters| !is_object(parameters)) {
        return Err(path.member("parameters").wanted("a JSON Schema"));
    }
    let tool = Tool {
        name: fields.name("name")?,
        description: fields.text("description")?,
        parameters,
        strict: fields.value("strict", "true or false")?,
        cache_control: fields.take("cache_control")?,
    };
    fields.lose_rest(losses);
    Ok(tool)
}

fn choose<'a>(
    choice: &'a RawValue,
    path: Path<'_>,
    tools: &mut Vec<Tool<'a>>,
    losses: &mut Losses,
) -> Result<Option<ToolChoice<'a>>, RequestError> {
    if choice.get().starts_with('"') {
        return match &*path.text(choice, "a string")? {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::None)),
            // Mistral says `any`.
            "required" | "any" => Ok(Some(ToolChoice::Required)),
            _ => Err(path.wanted("`auto`, `none`, `required` or a function")),
        };
    }
    let mut fields = Fields::read(choice, path)?;
    let kind = fields.text("type")?;
    let choice = match kind.as_deref() {
        // That of the older `function_call` is the name alone.
        None => ToolChoice::Function(known(fields.name("name")?, path.member("name"), tools)?),
        Some("function") => {
            let at = path.member("function");
            let told = fields.take("function")?;
            let mut told = Fields::read(told.ok_or_else(|| at.wanted("an object"))?, at)?;
            let name = known(told.name("name")?, at.member("name"), tools)?;
            told.lose_rest(losses);
            ToolChoice::Function(name)
        }
        Some("allowed_tools") => {
            let at = path.member("allowed_tools");
            let told = fields.take("allowed_tools")?;
            let told = told.ok_or_else(|| at.wanted("an object"))?;
            allow(Fields::read(told, at)?, tools, losses)?
        }
        Some(_) => {
            let wanted = "`function` or `allowed_tools`: the provider knows no other tool";
            return Err(path.member("type").wanted(wanted));
        }
    };
    fields.lose_rest(losses);
    Ok(Some(choice))
}

/// The name, if there is such a function.
fn known<'a>(
    name: Cow<'a, str>,
    path: Path<'_>,
    tools: &[Tool<'a>],
) -> Result<Cow<'a, str>, RequestError> {
    if tools.is_empty() || tools.iter().any(|tool| tool.name == name) {
        return Ok(name);
    }
    Err(path.wanted("the name of one of the functions"))
}

/// Those that are not allowed are not told of: the model cannot call what it does not know.
fn allow<'a>(
    mut fields: Fields<'a, '_>,
    tools: &mut Vec<Tool<'a>>,
    losses: &mut Losses,
) -> Result<ToolChoice<'a>, RequestError> {
    let path = fields.path;
    let choice = match &*fields.name("mode")? {
        "auto" => ToolChoice::Auto,
        "required" => ToolChoice::Required,
        _ => return Err(path.member("mode").wanted("`auto` or `required`")),
    };
    let at = path.member("tools");
    let list = fields.take("tools")?;
    let list = at.list(list.ok_or_else(|| at.wanted("a list"))?, "a list")?;
    let mut names = HashSet::with_capacity(list.len());
    for (place, value) in list.into_iter().enumerate() {
        let at = at.place(place);
        let mut tool = Fields::read(value, at)?;
        if let Some(function) = tool.take("function")? {
            let at = at.member("function");
            let mut function = Fields::read(function, at)?;
            names.insert(function.name("name")?);
            function.lose_rest(losses);
        }
    }
    fields.lose_rest(losses);
    tools.retain(|tool| names.contains(&*tool.name));
    Ok(choice)
}
