//! The stack machine: one instruction after another.

use super::cursor::{Cursor, text};
use super::global::Global;
use super::value::{Heap, Value};
use super::{Fault, shown};
use std::collections::HashMap;
use std::rc::Rc;

/// The most bytes that a pickle may have: room for a hundred thousand tensors.
pub(in crate::import) const MAX_PICKLE: u64 = 32 << 20;
/// The most instructions that a pickle may have.
const MAX_STEPS: usize = 4 << 20;

/// A pickle that was read to its end.
#[derive(Clone, Debug)]
pub(in crate::import) struct Pickle {
    /// The containers.
    pub(in crate::import) heap: Heap,
    /// What was pickled.
    pub(in crate::import) root: Value,
    /// Bytes that it took.
    pub(in crate::import) length: usize,
}

/// Reads the pickle at the start of `bytes`, of any protocol from 0 to 5.
///
/// # Errors
/// It is cut short or broken, or names what is no data.
pub(in crate::import) fn run(bytes: &[u8]) -> Result<Pickle, Fault> {
    let mut machine = Machine {
        input: Cursor::new(bytes),
        heap: Heap::default(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    for _ in 0..MAX_STEPS {
        let operation = machine.input.u8()?;
        if operation == b'.' {
            let root = machine.pop()?;
            return Ok(Pickle { heap: machine.heap, root, length: machine.input.at() });
        }
        machine.step(operation)?;
    }
    Err(Fault::broken(format!("has more than {MAX_STEPS} instructions")))
}

struct Machine<'a> {
    input: Cursor<'a>,
    heap: Heap,
    stack: Vec<Value>,
    /// Where in the stack each open bracket is.
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
}

impl Machine<'_> {
    /// One instruction; the letters and numbers are those of Python's `pickletools`.
    fn step(&mut self, operation: u8) -> Result<(), Fault> {
        match operation {
            0x80 => self.protocol(),
            // FRAME: a hint for buffering.
            0x95 => self.input.take(8).map(drop),
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => self.discard(),
            b'1' => self.since_mark().map(drop),
            b'2' => self.top().map(|value| self.stack.push(value)),
            b'p' | b'q' | b'r' | 0x94 => self.memorise(operation),
            b'g' | b'h' | b'j' => self.recall(operation),
            b'c' => {
                let (module, name) = (self.input.line()?, self.input.line()?);
                self.push(Value::Global(Global::find(module, name)?))
            }
            0x93 => self.stack_global(),
            // REDUCE; NEWOBJ, which for these names is the same.
            b'R' | 0x81 => self.call(),
            b'b' => self.build(),
            b'Q' => {
                let id = self.pop()?;
                let storage = self.heap.persistent(&id)?;
                self.push(storage)
            }
            b']' | b')' | b'l' | b't' | 0x85..=0x87 | 0x8f | 0x91 => self.sequence(operation),
            b'a' | b'e' | 0x90 => self.append(operation),
            b'}' | b'd' => self.dictionary(operation),
            b's' | b'u' => self.set_items(operation),
            _ => {
                let value = self.scalar(operation)?;
                self.push(value)
            }
        }
    }

    fn protocol(&mut self) -> Result<(), Fault> {
        match self.input.u8()? {
            0..=5 => Ok(()),
            newer => Err(Fault::broken(format!("is of protocol {newer}, but 0 to 5 are read"))),
        }
    }

    fn push(&mut self, value: Value) -> Result<(), Fault> {
        self.stack.push(value);
        Ok(())
    }

    /// The height of the stack below which the innermost open bracket does not reach.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Value, Fault> {
        if self.stack.len() <= self.floor() {
            return Err(Fault::broken("takes a value where there is none"));
        }
        self.stack.pop().ok_or_else(|| Fault::broken("takes a value where there is none"))
    }

    fn top(&mut self) -> Result<Value, Fault> {
        let top = self.pop()?;
        self.stack.push(top.clone());
        Ok(top)
    }

    /// POP takes off an open bracket where there is nothing in it.
    fn discard(&mut self) -> Result<(), Fault> {
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop().map(drop)
    }

    /// Takes off everything since the innermost open bracket.
    fn since_mark(&mut self) -> Result<Vec<Value>, Fault> {
        let mark = self.marks.pop().ok_or_else(|| Fault::broken("closes a bracket that was not opened"))?;
        Ok(self.stack.split_off(mark))
    }

    fn last(&mut self, count: usize) -> Result<Vec<Value>, Fault> {
        if self.stack.len() < self.floor() + count {
            return Err(Fault::broken("takes a value where there is none"));
        }
        Ok(self.stack.split_off(self.stack.len() - count))
    }

    fn memorise(&mut self, operation: u8) -> Result<(), Fault> {
        let place = match operation {
            b'p' => self.place()?,
            b'q' => self.input.u8()?.into(),
            b'r' => self.input.u32()?,
            _ => self.memo.len() as u32,
        };
        let value = self.top()?;
        self.memo.insert(place, value);
        Ok(())
    }

    fn recall(&mut self, operation: u8) -> Result<(), Fault> {
        let place = match operation {
            b'g' => self.place()?,
            b'h' => self.input.u8()?.into(),
            _ => self.input.u32()?,
        };
        let value = self.memo.get(&place).cloned();
        self.push(value.ok_or_else(|| Fault::broken("recalls what it has not put by"))?)
    }

    fn place(&mut self) -> Result<u32, Fault> {
        self.input.line()?.parse().map_err(|_| Fault::broken("recalls what it has not put by"))
    }

    fn stack_global(&mut self) -> Result<(), Fault> {
        let (name, module) = (self.pop()?, self.pop()?);
        match (module.as_text(), name.as_text()) {
            (Some(module), Some(name)) => {
                let found = Global::find(module, name)?;
                self.push(Value::Global(found))
            }
            _ => Err(Fault::broken("has a name that is no text")),
        }
    }

    fn call(&mut self) -> Result<(), Fault> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let Value::Global(global) = function else {
            return Err(Fault::broken(format!("calls {}", function.kind())));
        };
        let value = self.heap.call(global, &arguments)?;
        self.push(value)
    }

    /// BUILD gives an object its attributes: a `state_dict` has some that tell of versions, and no others are known.
    fn build(&mut self) -> Result<(), Fault> {
        self.pop()?;
        match self.top()? {
            Value::Dict(_) => Ok(()),
            other => Err(Fault::broken(format!("sets attributes of {}", other.kind()))),
        }
    }

    fn sequence(&mut self, operation: u8) -> Result<(), Fault> {
        let items = match operation {
            b'l' | b't' | 0x91 => self.since_mark()?,
            0x85 => self.last(1)?,
            0x86 => self.last(2)?,
            0x87 => self.last(3)?,
            _ => Vec::new(),
        };
        let value = match operation {
            b']' | b'l' | 0x8f | 0x91 => self.heap.list(items),
            _ => self.heap.tuple(items),
        };
        self.push(value)
    }

    fn append(&mut self, operation: u8) -> Result<(), Fault> {
        let items = if operation == b'a' { self.last(1)? } else { self.since_mark()? };
        let list = self.top()?;
        let list = self.heap.list_mut(&list);
        list.ok_or_else(|| Fault::broken("appends to what is no list"))?.extend(items);
        Ok(())
    }

    fn dictionary(&mut self, operation: u8) -> Result<(), Fault> {
        let items = if operation == b'd' { self.since_mark()? } else { Vec::new() };
        let value = self.heap.dict(pairs(items)?);
        self.push(value)
    }

    fn set_items(&mut self, operation: u8) -> Result<(), Fault> {
        let items = if operation == b's' { self.last(2)? } else { self.since_mark()? };
        let (pairs, dict) = (pairs(items)?, self.top()?);
        let dict = self.heap.pairs_mut(&dict);
        dict.ok_or_else(|| Fault::broken("sets items of what is no dictionary"))?.extend(pairs);
        Ok(())
    }

    fn scalar(&mut self, operation: u8) -> Result<Value, Fault> {
        Ok(match operation {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'K' => Value::Int(self.input.u8()?.into()),
            b'M' => Value::Int(self.input.u16()?.into()),
            b'J' => Value::Int(i32::from_le_bytes(self.input.array()?).into()),
            b'I' | b'L' => decimal(self.input.line()?)?,
            0x8a => {
                let length = self.input.u8()?.into();
                binary(self.input.take(length)?)
            }
            0x8b => {
                let length = self.input.length4()?;
                binary(self.input.take(length)?)
            }
            b'F' => self.input.line().map(|_| Value::Float)?,
            b'G' => self.input.take(8).map(|_| Value::Float)?,
            b'S' => quoted(self.input.line()?),
            b'V' => Value::Text(self.input.line()?.into()),
            b'U' | b'T' | b'X' | 0x8c | 0x8d => {
                let length = self.length(operation)?;
                Value::Text(text(self.input.take(length)?)?.into())
            }
            b'C' | b'B' | 0x8e | 0x96 => {
                let length = self.length(operation)?;
                self.input.take(length).map(|_| Value::Bytes)?
            }
            other => {
                let what = shown(&char::from(other).to_string());
                return Err(Fault::broken(format!(
                    "has the instruction `{what}`, which weights do not need"
                )));
            }
        })
    }

    /// The length before a text or bytes.
    fn length(&mut self, operation: u8) -> Result<usize, Fault> {
        match operation {
            b'U' | b'C' | 0x8c => Ok(self.input.u8()?.into()),
            b'T' | b'B' | b'X' => self.input.length4(),
            _ => self.input.length8(),
        }
    }
}

fn pairs(items: Vec<Value>) -> Result<Vec<(Value, Value)>, Fault> {
    if !items.len().is_multiple_of(2) {
        return Err(Fault::broken("has a dictionary with a key and no value"));
    }
    let mut items = items.into_iter();
    Ok(std::iter::from_fn(|| Some((items.next()?, items.next()?))).collect())
}

/// A number as protocol 0 writes it: `12`, `12L`, and `00` and `01` for booleans.
fn decimal(line: &str) -> Result<Value, Fault> {
    let digits = line.strip_suffix('L').unwrap_or(line);
    match digits {
        "00" => Ok(Value::Bool(false)),
        "01" => Ok(Value::Bool(true)),
        _ => {
            let number: i128 = digits.parse().map_err(|_| Fault::broken("has a number that is none"))?;
            Ok(binary(&number.to_le_bytes()))
        }
    }
}

/// A number in two's complement, the lowest byte first.
fn binary(bytes: &[u8]) -> Value {
    let negative = bytes.last().is_some_and(|&last| last >= 0x80);
    let fill = if negative { 0xff } else { 0 };
    // What only repeats the sign says nothing.
    let more = bytes.iter().rposition(|&byte| byte != fill).map_or(0, |at| at + 1);
    let (low, high) = bytes.split_at(bytes.len().min(8));
    let mut word = [fill; 8];
    word[..low.len()].copy_from_slice(low);
    let number = i64::from_le_bytes(word);
    if high.iter().all(|&byte| byte == fill) && (number < 0) == negative {
        Value::Int(number)
    } else {
        Value::BigInt(Rc::from(&bytes[..more]))
    }
}

/// A text as Python 2 wrote it in protocol 0: between quotes. Escapes are left as they are; names have none.
fn quoted(line: &str) -> Value {
    let inner = ['\'', '"'].iter().find_map(|&quote| line.strip_prefix(quote)?.strip_suffix(quote));
    Value::Text(inner.unwrap_or(line).into())
}
