//! Blocks: sections, conditions, loops.

use std::sync::LazyLock;

use serde_json::Map;

use super::{
    Given, Machine, Stop,
    helpers::{Builtin, Helper, Ours},
    scope::{Data, Round, Scope},
    stop,
};
use crate::{language::Block, value::Value};

/// What `this` becomes where it was nothing.
pub(super) static NOTHING: LazyLock<Map<String, serde_json::Value>> = LazyLock::new(Map::new);

impl Machine {
    /// `{{#name}}` where `name` is a value: a loop over a list, a condition for what is true, false or nothing, else a look into it.
    pub(super) fn section<'a>(
        &mut self,
        value: &Value<'a>,
        block: &'a Block,
        scope: &Scope<'_, 'a>,
    ) -> Result<(), Stop> {
        match value {
            Value::Bool(yes) => self.choose(*yes, block, scope),
            Value::Undefined | Value::Null => self.choose(false, block, scope),
            Value::List(_) => self.each(value, block, scope),
            value => self.part(block.program.as_ref(), value, None, None, scope),
        }
    }

    pub(super) fn block_helper<'a>(
        &mut self,
        helper: Helper,
        block: &'a Block,
        scope: &Scope<'_, 'a>,
    ) -> Result<(), Stop> {
        let given = self.given(&block.call, scope)?;
        let params = given.params.as_slice();
        match helper {
            Helper::Builtin(Builtin::If) => {
                let yes = condition("if", &given)?;
                self.choose(yes, block, scope)
            }
            Helper::Builtin(Builtin::Unless) => {
                let yes = condition("unless", &given)?;
                self.choose(!yes, block, scope)
            }
            Helper::Builtin(Builtin::With) => match params {
                [value] if value.is_empty() => self.choose(false, block, scope),
                [value] => self.part(block.program.as_ref(), value, None, Some(params), scope),
                _ => stop("`with` takes one value"),
            },
            Helper::Builtin(Builtin::Each) => match params {
                [value] => self.each(value, block, scope),
                _ => stop("`each` takes one value"),
            },
            Helper::Ours(
                ours @ (Ours::Equals | Ours::NotEquals | Ours::GreaterThan | Ours::LessThan),
            ) => {
                let [one, two] = params else {
                    return stop("a comparison takes two values");
                };
                let yes = self.compare(ours, one, two)?;
                self.choose(yes, block, scope)
            }
            Helper::Ours(Ours::And) => self.choose(params.iter().all(Value::truthy), block, scope),
            Helper::Ours(Ours::Or) => self.choose(params.iter().any(Value::truthy), block, scope),
            helper => {
                let value = self.inline(helper, params)?;
                self.show(&value, true)
            }
        }
    }

    /// One part of a block or the other, where it stands.
    fn choose<'a>(
        &mut self,
        yes: bool,
        block: &'a Block,
        scope: &Scope<'_, 'a>,
    ) -> Result<(), Stop> {
        let part = if yes { &block.program } else { &block.inverse };
        // Within a helper, `this` is an object where it was nothing.
        let this = match scope.this {
            Value::Undefined | Value::Null => Value::Object(&NOTHING),
            ref this => this.clone(),
        };
        self.part(part.as_ref(), &this, None, None, scope)
    }

    fn compare(&mut self, by: Ours, one: &Value<'_>, two: &Value<'_>) -> Result<bool, Stop> {
        let budget = &mut self.budget;
        Ok(match by {
            Ours::Equals => one.equals(two, budget)?,
            Ours::NotEquals => !one.equals(two, budget)?,
            Ours::GreaterThan => one.number(budget)? > two.number(budget)?,
            _ => one.number(budget)? < two.number(budget)?,
        })
    }

    /// Items of a list, fields of an object; the other part for everything else, and where there are none.
    fn each<'a>(
        &mut self,
        value: &Value<'a>,
        block: &'a Block,
        scope: &Scope<'_, 'a>,
    ) -> Result<(), Stop> {
        let count = match value {
            Value::List(list) => list.len(),
            Value::Object(object) => object.len(),
            _ => 0,
        };
        match value {
            Value::List(list) if count > 0 => {
                for (at, item) in list.iter().enumerate() {
                    let key = crate::value::count(at);
                    self.round(key, item.into(), (at, count), block, scope)?;
                }
                Ok(())
            }
            Value::Object(object) if count > 0 => {
                self.budget.spend(count * 64)?;
                for (at, (name, item)) in Value::fields(object).into_iter().enumerate() {
                    self.round(Value::Text(name.into()), item, (at, count), block, scope)?;
                }
                Ok(())
            }
            _ => self.choose(false, block, scope),
        }
    }

    fn round<'a>(
        &mut self,
        key: Value<'a>,
        item: Value<'a>,
        (at, count): (usize, usize),
        block: &'a Block,
        scope: &Scope<'_, 'a>,
    ) -> Result<(), Stop> {
        let round = Round {
            key: key.clone(),
            index: crate::value::count(at),
            first: at == 0,
            last: at + 1 == count,
            outer: scope.data,
        };
        let given = [item, key];
        let data = Data::of(&round);
        self.part(
            block.program.as_ref(),
            &given[0],
            Some(data),
            Some(&given),
            scope,
        )
    }
}

fn condition(name: &str, given: &Given<'_>) -> Result<bool, Stop> {
    let [value] = given.params.as_slice() else {
        return stop(format!("`{name}` takes one value"));
    };
    let zero = matches!(value, Value::Number(number) if *number == 0.0);
    Ok(if zero {
        given.include_zero
    } else {
        !value.is_empty()
    })
}
