//! Which functions the model may, should or must call.

use std::{borrow::Cow, collections::HashSet};

use serde_json::value::RawValue;

use crate::{
    completion::{Tool, ToolChoice},
    dialects::fields::{Fields, Path, is_object},
    error::RequestError,
    translation::Losses,
};

/// Tools that the client itself works, of which nothing is left where they are left out.
const CLIENTS_OWN: [&str; 2] = ["custom", "namespace"];

/// What a request says of them.
#[derive(Default)]
pub(super) struct Called<'a> {
    pub(super) tools: Vec<Tool<'a>>,
    pub(super) choice: Option<ToolChoice<'a>>,
    pub(super) parallel: Option<bool>,
}

/// Reads `tools`, `tool_choice` and `parallel_tool_calls`. A tool of OpenAI's own is lost, unless it
/// must be called.
///
/// # Errors
/// One of them is not as it must be, is a tool that the client has made and that is no function, or
/// must be called and is not there.
pub(super) fn read<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<Called<'a>, RequestError> {
    let mut called = Called {
        parallel: fields.value("parallel_tool_calls", "true or false")?,
        ..Called::default()
    };
    if let Some(tools) = fields.take("tools")? {
        let path = Path::Body.member("tools");
        let tools = path.list(tools, "a list of tools")?;
        for (place, value) in tools.into_iter().enumerate() {
            called.tools.extend(tool(value, path.place(place), losses)?);
        }
    }
    if let Some(choice) = fields.take("tool_choice")? {
        let path = Path::Body.member("tool_choice");
        called.choice = Some(choose(choice, path, &mut called.tools, losses)?);
    }
    if called.tools.is_empty() {
        match called.choice.take() {
            None | Some(ToolChoice::Auto | ToolChoice::None) => called.parallel = None,
            Some(_) => {
                let wanted = "`auto` or `none` where there is no function to be called: the model's \
                              provider knows no other tool";
                return Err(RequestError::field("tool_choice", wanted));
            }
        }
    }
    Ok(called)
}

/// `None`: it is one of OpenAI's own.
fn tool<'a>(
    value: &'a RawValue,
    path: Path<'_>,
    losses: &mut Losses,
) -> Result<Option<Tool<'a>>, RequestError> {
    let mut fields = Fields::read(value, path)?;
    let kind = fields.name("type")?;
    if CLIENTS_OWN.contains(&&*kind) {
        let wanted = "`function`: the model's provider knows no other tool";
        return Err(path.member("type").wanted(wanted));
    }
    if kind != "function" {
        path.member(&kind).lose(losses);
        return Ok(None);
    }
    let parameters = fields.take("parameters")?;
    if parameters.is_some_and(|parameters| !is_object(parameters)) {
        return Err(path.member("parameters").wanted("a JSON Schema"));
    }
    let tool = Tool {
        name: fields.name("name")?,
        description: fields.text("description")?,
        parameters,
        strict: fields.value("strict", "true or false")?,
        cache_control: None,
    };
    if fields.value("defer_loading", "true or false")? == Some(true) {
        path.member("defer_loading").lose(losses);
    }
    fields.lose_rest(losses);
    Ok(Some(tool))
}

fn choose<'a>(
    choice: &'a RawValue,
    path: Path<'_>,
    tools: &mut Vec<Tool<'a>>,
    losses: &mut Losses,
) -> Result<ToolChoice<'a>, RequestError> {
    if choice.get().starts_with('"') {
        return match &*path.text(choice, "a string")? {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            "required" => Ok(ToolChoice::Required),
            _ => Err(path.wanted("`auto`, `none`, `required` or a function")),
        };
    }
    let mut fields = Fields::read(choice, path)?;
    let choice = match &*fields.name("type")? {
        "function" => {
            let name = fields.name("name")?;
            if !tools.iter().any(|tool| tool.name == name) {
                let wanted = "the name of one of the functions";
                return Err(path.member("name").wanted(wanted));
            }
            ToolChoice::Function(name)
        }
        "allowed_tools" => allow(&mut fields, tools)?,
        _ => {
            let wanted = "`function` or `allowed_tools`: the model's provider knows no other tool";
            return Err(path.member("type").wanted(wanted));
        }
    };
    fields.lose_rest(losses);
    Ok(choice)
}

/// Those that are not allowed are not told of: the model cannot call what it does not know.
fn allow<'a>(
    fields: &mut Fields<'a, '_>,
    tools: &mut Vec<Tool<'a>>,
) -> Result<ToolChoice<'a>, RequestError> {
    let outer = fields.path;
    let choice = match &*fields.name("mode")? {
        "auto" => ToolChoice::Auto,
        "required" => ToolChoice::Required,
        _ => return Err(outer.member("mode").wanted("`auto` or `required`")),
    };
    let path = outer.member("tools");
    let list = fields.take("tools")?;
    let list = path.list(list.ok_or_else(|| path.wanted("a list"))?, "a list")?;
    let mut names: HashSet<Cow<'_, str>> = HashSet::with_capacity(list.len());
    for (place, value) in list.into_iter().enumerate() {
        let mut allowed = Fields::read(value, path.place(place))?;
        // The tools of OpenAI's own have none, and are lost already.
        names.extend(allowed.text("name")?);
    }
    tools.retain(|tool| names.contains(&*tool.name));
    Ok(choice)
}
