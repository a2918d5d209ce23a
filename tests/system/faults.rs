//! Callers who talk while everything that can fail does, and a checker that judges all that they did and heard.

mod checker;
