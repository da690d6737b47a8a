//! The wasm of a witness calculator, decoded as far as the tracer runs it.

use std::collections::HashMap;

use wasmparser::{
    BlockType, ConstExpr, DataKind, ElementItems, ExternalKind, FunctionBody, Operator, Parser,
    Payload, TypeRef, ValType,
};

use super::Unsupported;

/// A decoded module. Functions are numbered as in the wasm: the imported ones first.
#[derive(Default)]
pub struct Module {
    /// Names of the imported functions.
    pub imports: Vec<String>,
    pub functions: Vec<Function>,
    /// The one table.
    pub table: Vec<u32>,
    pub exports: HashMap<String, u32>,
    /// Initial memory: address and bytes.
    pub data: Vec<(u32, Vec<u8>)>,
    pub pages: u32,
}

/// A defined function.
pub struct Function {
    pub params: usize,
    pub results: usize,
    /// Parameters and other locals.
    pub locals: usize,
    pub code: Vec<Instruction>,
    /// The body as it stands in the file.
    pub bytes: Vec<u8>,
}

/// An instruction; targets are places in the same function's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instruction {
    Block {
        end: u32,
    },
    Loop,
    /// A block with a result.
    OtherBlock,
    If {
        otherwise: u32,
        end: u32,
    },
    Else {
        end: u32,
    },
    End,
    Branch(u32),
    BranchIf(u32),
    Return,
    Call(u32),
    CallIndirect,
    Drop,
    Get(u32),
    Set(u32),
    Tee(u32),
    Constant(u64),
    /// Bytes and offset.
    Load(u8, u32),
    Store(u8, u32),
    Unary(Unary),
    Binary(Binary),
    MemorySize,
    MemoryGrow,
    /// One that no circuit uses outside the field arithmetic.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    IsZero32,
    IsZero64,
    Wrap,
    Extend,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    Add32,
    Sub32,
    Mul32,
    And32,
    Or32,
    ShiftLeft32,
    ShiftRight32,
    Equal32,
    NotEqual32,
    Less32,
    Greater32,
    AtLeast32,
    Or64,
    ShiftLeft64,
    Equal64,
}

impl Module {
    /// Decodes a file.
    pub fn parse(wasm: &[u8]) -> Result<Self, Unsupported> {
        let mut module = Self::default();
        let mut types = Vec::new();
        let mut signatures = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.map_err(malformed)? {
                Payload::TypeSection(section) => {
                    for ty in section.into_iter_err_on_gc_types() {
                        let ty = ty.map_err(malformed)?;
                        types.push((ty.params().len(), ty.results().len()));
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.map_err(malformed)?;
                        match import.ty {
                            TypeRef::Func(_) => module.imports.push(import.name.to_owned()),
                            _ => return Err(Unsupported("an import that is no function")),
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    for ty in section {
                        let ty = ty.map_err(malformed)? as usize;
                        signatures.push(*types.get(ty).ok_or(MALFORMED)?);
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        let pages = memory.map_err(malformed)?.initial;
                        module.pages = u32::try_from(pages).map_err(|_| MALFORMED)?;
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export.map_err(malformed)?;
                        if export.kind == ExternalKind::Func {
                            module.exports.insert(export.name.to_owned(), export.index);
                        }
                    }
                }
                Payload::ElementSection(section) => {
                    for element in section {
                        module.add_elements(element.map_err(malformed)?.items)?;
                    }
                }
                Payload::DataSection(section) => {
                    for data in section {
                        let data = data.map_err(malformed)?;
                        let DataKind::Active { offset_expr, .. } = data.kind else {
                            return Err(Unsupported("passive data"));
                        };
                        module
                            .data
                            .push((constant(&offset_expr)?, data.data.to_vec()));
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let place = module.functions.len();
                    let &(params, results) = signatures.get(place).ok_or(MALFORMED)?;
                    module.functions.push(function(&body, params, results)?);
                }
                _ => {}
            }
        }
        Ok(module)
    }

    fn add_elements(&mut self, items: ElementItems) -> Result<(), Unsupported> {
        let ElementItems::Functions(functions) = items else {
            return Err(Unsupported("a table of expressions"));
        };
        for function in functions {
            self.table.push(function.map_err(malformed)?);
        }
        Ok(())
    }

    /// The number of an exported function.
    pub fn export(&self, name: &'static str) -> Result<u32, Unsupported> {
        self.exports.get(name).copied().ok_or(Unsupported(name))
    }

    /// A defined function by its number.
    pub fn function(&self, number: u32) -> Result<&Function, Unsupported> {
        let place = (number as usize).checked_sub(self.imports.len());
        place
            .and_then(|place| self.functions.get(place))
            .ok_or(MALFORMED)
    }
}

const MALFORMED: Unsupported = Unsupported("malformed wasm");

fn malformed(_: wasmparser::BinaryReaderError) -> Unsupported {
    MALFORMED
}

fn constant(expression: &ConstExpr) -> Result<u32, Unsupported> {
    let first = expression
        .get_operators_reader()
        .read()
        .map_err(malformed)?;
    match first {
        Operator::I32Const { value } => Ok(value as u32),
        _ => Err(Unsupported("data at a place that is no constant")),
    }
}

fn function(body: &FunctionBody, params: usize, results: usize) -> Result<Function, Unsupported> {
    let mut locals = params;
    for group in body.get_locals_reader().map_err(malformed)? {
        let (count, ty) = group.map_err(malformed)?;
        if !matches!(ty, ValType::I32 | ValType::I64) {
            return Err(Unsupported("a local that is no integer"));
        }
        locals = locals.saturating_add(count as usize);
    }
    if locals > MAX_LOCALS {
        return Err(Unsupported("too many locals"));
    }
    let mut code = Vec::new();
    for operator in body.get_operators_reader().map_err(malformed)? {
        code.push(instruction(&operator.map_err(malformed)?));
    }
    link(&mut code)?;
    Ok(Function {
        params,
        results,
        locals,
        code,
        bytes: body.as_bytes().to_vec(),
    })
}

/// More locals than any function of a witness calculator has.
const MAX_LOCALS: usize = 1 << 10;

/// Gives every block its end, every `if` its `else`.
fn link(code: &mut [Instruction]) -> Result<(), Unsupported> {
    let mut open = Vec::new();
    for at in 0..code.len() {
        match code[at] {
            Instruction::Block { .. }
            | Instruction::Loop
            | Instruction::OtherBlock
            | Instruction::If { .. } => {
                open.push((at, None));
            }
            Instruction::Else { .. } => {
                open.last_mut().ok_or(MALFORMED)?.1 = Some(at);
            }
            Instruction::End => {
                let Some((start, otherwise)) = open.pop() else {
                    continue; // the function's own
                };
                close(code, start, otherwise, at as u32);
            }
            _ => {}
        }
    }
    Ok(())
}

fn close(code: &mut [Instruction], start: usize, between: Option<usize>, at: u32) {
    match &mut code[start] {
        Instruction::Block { end } => *end = at,
        Instruction::If { otherwise, end } => {
            *otherwise = between.map_or(at, |between| between as u32);
            *end = at;
        }
        _ => {}
    }
    if let Some(between) = between {
        code[between] = Instruction::Else { end: at };
    }
}

fn instruction(operator: &Operator) -> Instruction {
    use Instruction as I;
    match *operator {
        Operator::Block {
            blockty: BlockType::Empty,
        } => I::Block { end: 0 },
        Operator::Loop {
            blockty: BlockType::Empty,
        } => I::Loop,
        Operator::If {
            blockty: BlockType::Empty,
        } => I::If {
            otherwise: 0,
            end: 0,
        },
        // Blocks with results occur in the field arithmetic at most; they stay blocks so that ends match.
        Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => I::OtherBlock,
        Operator::Else => I::Else { end: 0 },
        Operator::End => I::End,
        Operator::Br { relative_depth } => I::Branch(relative_depth),
        Operator::BrIf { relative_depth } => I::BranchIf(relative_depth),
        Operator::Return => I::Return,
        Operator::Call { function_index } => I::Call(function_index),
        Operator::CallIndirect { .. } => I::CallIndirect,
        Operator::Drop => I::Drop,
        Operator::LocalGet { local_index } => I::Get(local_index),
        Operator::LocalSet { local_index } => I::Set(local_index),
        Operator::LocalTee { local_index } => I::Tee(local_index),
        Operator::I32Const { value } => I::Constant(u64::from(value as u32)),
        Operator::I64Const { value } => I::Constant(value as u64),
        Operator::MemorySize { .. } => I::MemorySize,
        Operator::MemoryGrow { .. } => I::MemoryGrow,
        _ => memory(operator)
            .or_else(|| arithmetic(operator))
            .unwrap_or(I::Other),
    }
}

fn memory(operator: &Operator) -> Option<Instruction> {
    let (bytes, offset, is_load) = match *operator {
        Operator::I32Load { memarg } => (4, memarg.offset, true),
        Operator::I64Load { memarg } => (8, memarg.offset, true),
        Operator::I32Load8U { memarg } => (1, memarg.offset, true),
        Operator::I32Store { memarg } => (4, memarg.offset, false),
        Operator::I64Store { memarg } => (8, memarg.offset, false),
        Operator::I32Store8 { memarg } => (1, memarg.offset, false),
        _ => return None,
    };
    let offset = u32::try_from(offset).ok()?;
    Some(match is_load {
        true => Instruction::Load(bytes, offset),
        false => Instruction::Store(bytes, offset),
    })
}

fn arithmetic(operator: &Operator) -> Option<Instruction> {
    let unary = match operator {
        Operator::I32Eqz => Unary::IsZero32,
        Operator::I64Eqz => Unary::IsZero64,
        Operator::I32WrapI64 => Unary::Wrap,
        Operator::I64ExtendI32U => Unary::Extend,
        _ => return binary(operator).map(Instruction::Binary),
    };
    Some(Instruction::Unary(unary))
}

fn binary(operator: &Operator) -> Option<Binary> {
    Some(match operator {
        Operator::I32Add => Binary::Add32,
        Operator::I32Sub => Binary::Sub32,
        Operator::I32Mul => Binary::Mul32,
        Operator::I32And => Binary::And32,
        Operator::I32Or => Binary::Or32,
        Operator::I32Shl => Binary::ShiftLeft32,
        Operator::I32ShrU => Binary::ShiftRight32,
        Operator::I32Eq => Binary::Equal32,
        Operator::I32Ne => Binary::NotEqual32,
        Operator::I32LtU => Binary::Less32,
        Operator::I32GtU => Binary::Greater32,
        Operator::I32GeU => Binary::AtLeast32,
        Operator::I64Or => Binary::Or64,
        Operator::I64Shl => Binary::ShiftLeft64,
        Operator::I64Eq => Binary::Equal64,
        _ => return None,
    })
}
