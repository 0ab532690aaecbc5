//! The functions that the prelude calls. Scripts cannot reach them but through the prelude; they trust nothing
//! all the same.

use std::{rc::Rc, time::Duration};

use bytes::Bytes;
use rquickjs::{ArrayBuffer, Ctx, Exception, Function, Object, Result, TypedArray};

use super::{errand::Shared, urls};
use crate::{Level, Redirect, message::FetchCall};

/// An object with all of them.
pub(super) fn object<'js>(
    ctx: &Ctx<'js>,
    shared: &Rc<Shared>,
    log_limit: u32,
) -> Result<Object<'js>> {
    let native = Object::new(ctx.clone())?;
    native.set("logLimit", log_limit)?;
    logging(ctx, &native, shared)?;
    text(ctx, &native)?;
    url(ctx, &native)?;
    requests(ctx, &native, shared)?;
    timers(ctx, &native, shared)?;
    Ok(native)
}

fn logging<'js>(ctx: &Ctx<'js>, native: &Object<'js>, shared: &Rc<Shared>) -> Result<()> {
    let shared = Rc::clone(shared);
    native.set(
        "log",
        Function::new(ctx.clone(), move |level: u8, text: String, cut: bool| {
            let level = Level::from_index(level).unwrap_or(Level::Info);
            shared.errand.borrow_mut().log(level, text, cut);
        })?,
    )
}

fn text<'js>(ctx: &Ctx<'js>, native: &Object<'js>) -> Result<()> {
    native.set(
        "encode",
        Function::new(ctx.clone(), |ctx: Ctx<'js>, text: String| {
            TypedArray::<u8>::new(ctx, text.into_bytes())
        })?,
    )?;
    native.set(
        "decode",
        Function::new(
            ctx.clone(),
            |ctx: Ctx<'js>, binary: String, fatal: bool, keep_mark: bool| {
                let bytes = from_binary(&binary);
                if fatal && std::str::from_utf8(&bytes).is_err() {
                    return Err(Exception::throw_type(&ctx, "the bytes are not UTF-8"));
                }
                Ok(decode(&bytes, keep_mark))
            },
        )?,
    )
}

fn url<'js>(ctx: &Ctx<'js>, native: &Object<'js>) -> Result<()> {
    native.set(
        "url",
        Function::new(
            ctx.clone(),
            |ctx: Ctx<'js>, input: String, base: Option<String>| match urls::parse(
                &input,
                base.as_deref(),
            ) {
                Some(url) => Ok(urls::parts(&url)),
                None => Err(invalid_url(&ctx)),
            },
        )?,
    )?;
    native.set(
        "urlSet",
        Function::new(
            ctx.clone(),
            |ctx: Ctx<'js>, href: String, part: String, value: String| {
                let mut url = urls::parse(&href, None).ok_or_else(|| invalid_url(&ctx))?;
                urls::set(&mut url, &part, &value);
                Ok::<_, rquickjs::Error>(urls::parts(&url))
            },
        )?,
    )?;
    native.set(
        "query",
        Function::new(ctx.clone(), |text: String| urls::query(&text))?,
    )?;
    native.set(
        "unquery",
        Function::new(ctx.clone(), |flat: Vec<String>| urls::unquery(&flat))?,
    )
}

fn requests<'js>(ctx: &Ctx<'js>, native: &Object<'js>, shared: &Rc<Shared>) -> Result<()> {
    let desk = Rc::clone(shared);
    let fetch = move |ctx: Ctx<'js>,
                      method: String,
                      url: String,
                      headers: Vec<String>,
                      body: Option<String>,
                      bytes: bool,
                      redirect: String| {
        let call = FetchCall {
            method: method_of(&ctx, method)?,
            url: absolute(&ctx, &url)?,
            headers: headers_of(&ctx, headers)?,
            body: body.map(|body| {
                if bytes {
                    from_binary(&body).into()
                } else {
                    Bytes::from(body)
                }
            }),
            redirect: match redirect.as_str() {
                "follow" => Redirect::Follow,
                "error" => Redirect::Error,
                "manual" => Redirect::Manual,
                _ => {
                    return Err(Exception::throw_type(
                        &ctx,
                        "redirect is follow, error or manual",
                    ));
                }
            },
        };
        if call.body.is_some() && matches!(call.method.as_str(), "GET" | "HEAD") {
            return Err(Exception::throw_type(&ctx, "GET and HEAD have no body"));
        }
        desk.fetch(call)
            .map_err(|reason| Exception::throw_type(&ctx, &reason))
    };
    native.set("fetch", Function::new(ctx.clone(), fetch)?)?;

    let desk = Rc::clone(shared);
    native.set(
        "bodyText",
        Function::new(ctx.clone(), move |id: u32| {
            let bodies = &desk.errand.borrow().bodies;
            bodies
                .get(&id)
                .map_or_else(String::new, |body| decode(body, false))
        })?,
    )?;
    let desk = Rc::clone(shared);
    native.set(
        "bodyBuffer",
        Function::new(ctx.clone(), move |ctx: Ctx<'js>, id: u32| {
            let body = desk
                .errand
                .borrow()
                .bodies
                .get(&id)
                .cloned()
                .unwrap_or_default();
            ArrayBuffer::new_copy(ctx, body.as_ref())
        })?,
    )
}

fn timers<'js>(ctx: &Ctx<'js>, native: &Object<'js>, shared: &Rc<Shared>) -> Result<()> {
    let desk = Rc::clone(shared);
    native.set(
        "timer",
        Function::new(ctx.clone(), move |ctx: Ctx<'js>, id: u32, delay: f64| {
            let delay = Duration::try_from_secs_f64(delay / 1000.0).unwrap_or_default();
            desk.errand
                .borrow_mut()
                .timer(id, delay)
                .map_err(|reason| Exception::throw_range(&ctx, &reason))
        })?,
    )?;
    let desk = Rc::clone(shared);
    native.set(
        "untimer",
        Function::new(ctx.clone(), move |id: u32| {
            desk.errand.borrow_mut().untimer(id);
        })?,
    )
}

fn invalid_url(ctx: &Ctx<'_>) -> rquickjs::Error {
    Exception::throw_type(ctx, "Invalid URL")
}

/// UTF-8 with replacement characters; the byte order mark goes unless it is to be kept.
fn decode(bytes: &[u8], keep_mark: bool) -> String {
    let bytes = match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) if !keep_mark => rest,
        _ => bytes,
    };
    String::from_utf8_lossy(bytes).into_owned()
}

/// Bytes that crossed as one character each.
fn from_binary(text: &str) -> Vec<u8> {
    text.chars()
        .map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?'))
        .collect()
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn method_of(ctx: &Ctx<'_>, method: String) -> Result<String> {
    let capitals = method.to_ascii_uppercase();
    match capitals.as_str() {
        "DELETE" | "GET" | "HEAD" | "OPTIONS" | "POST" | "PUT" | "PATCH" => Ok(capitals),
        "CONNECT" | "TRACE" | "TRACK" => {
            Err(Exception::throw_type(ctx, "this method is not allowed"))
        }
        _ if is_token(&method) => Ok(method),
        _ => Err(Exception::throw_type(ctx, "this is not a method")),
    }
}

fn absolute(ctx: &Ctx<'_>, url: &str) -> Result<String> {
    let url = urls::parse(url, None).ok_or_else(|| invalid_url(ctx))?;
    if matches!(url.scheme(), "http" | "https") {
        Ok(url.into())
    } else {
        Err(Exception::throw_type(
            ctx,
            "only http: and https: can be fetched",
        ))
    }
}

fn headers_of(ctx: &Ctx<'_>, flat: Vec<String>) -> Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    let mut flat = flat.into_iter();
    while let (Some(name), Some(value)) = (flat.next(), flat.next()) {
        if !is_token(&name)
            || value
                .bytes()
                .any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7f)
        {
            return Err(Exception::throw_type(ctx, "this header is not well-formed"));
        }
        headers.push((name, value));
    }
    Ok(headers)
}
