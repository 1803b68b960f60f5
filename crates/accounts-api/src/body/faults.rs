//! The faults of a body, collected while it is judged.

use std::ops::{Deref, DerefMut};

use actix_web::HttpRequest;
use actix_web::web::Data;

use crate::json::{Step, pointer};
use crate::problem::{Fault, FieldCode, FieldFault, Place};

/// Collects what is wrong with a body, each fault with the JSON pointer of its member.
#[derive(Debug)]
pub struct Faults {
    request: HttpRequest,
    path: Vec<Step>,
    found: Vec<Fault>,
}

impl Faults {
    pub(super) fn new(request: HttpRequest, found: Vec<Fault>) -> Self {
        Self {
            request,
            path: Vec::new(),
            found,
        }
    }

    /// Adds a fault of a member of the present object.
    pub fn add(&mut self, member: &str, fault: impl Into<FieldFault>) {
        self.path.push(Step::Member(member.to_owned()));
        self.add_here(fault);
        self.path.pop();
    }

    /// Adds a fault of the present object, or of the present entry of a list.
    pub fn add_here(&mut self, fault: impl Into<FieldFault>) {
        let place = Place::Pointer(pointer(&self.path));
        self.found.push(Fault::at(place, fault.into()));
    }

    /// A member that must be there.
    pub fn required<T>(&mut self, member: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.add(member, FieldCode::Required);
        }
        value
    }

    /// A member of a merge patch that may be absent, but not be removed by `null`.
    pub fn kept<T>(&mut self, member: &str, value: Option<Option<T>>) -> Option<T> {
        match value {
            None => None,
            Some(value) => self.required(member, value),
        }
    }

    /// The outcome of parsing a member: its value, or its fault collected.
    pub fn check<T, E: Into<FieldFault>>(&mut self, member: &str, parsed: Result<T, E>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(fault) => {
                self.add(member, fault);
                None
            }
        }
    }

    /// A text that must be there and have a form:
    /// `faults.text("name", self.name, AccountName::parse)`.
    pub fn text<T, E: Into<FieldFault>>(
        &mut self,
        member: &str,
        value: Option<String>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.required(member, value)?;
        self.check(member, parse(&value))
    }

    /// A text that may be missing; `None` also where it has a fault, which is then collected.
    pub fn optional_text<T, E: Into<FieldFault>>(
        &mut self,
        member: &str,
        value: Option<String>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.check(member, parse(&value?))
    }

    /// A text of a merge patch that `null` removes. Absent: `None`; `null`: `Some(None)`. `None` also
    /// where it has a fault, which is then collected.
    pub fn patched_text<T, E: Into<FieldFault>>(
        &mut self,
        member: &str,
        value: Option<Option<String>>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Option<T>> {
        match value? {
            None => Some(None),
            Some(value) => self.check(member, parse(&value)).map(Some),
        }
    }

    /// The entries of a list, at most `most`, each judged where it stands. `None` where one has a
    /// fault.
    pub fn each<T, U>(
        &mut self,
        member: &str,
        entries: Vec<T>,
        most: usize,
        mut judge: impl FnMut(&mut Self, T) -> Option<U>,
    ) -> Option<Vec<U>> {
        if entries.len() > most {
            self.add(member, FieldFault::new(FieldCode::TooMany).with("max", most));
            return None;
        }
        let count = entries.len();
        let mut judged = Vec::with_capacity(count);
        for (index, entry) in entries.into_iter().enumerate() {
            judged.extend(judge(&mut self.at(member, index), entry));
        }
        (judged.len() == count).then_some(judged)
    }

    /// The faults of one entry of a list: `faults.at("phones", 0).add("number", …)`.
    pub fn at(&mut self, member: &str, index: usize) -> Nested<'_> {
        self.path.push(Step::Member(member.to_owned()));
        self.path.push(Step::Entry(index));
        Nested { faults: self, steps: 2 }
    }

    /// The faults of an object within the present one.
    pub fn within(&mut self, member: &str) -> Nested<'_> {
        self.path.push(Step::Member(member.to_owned()));
        Nested { faults: self, steps: 1 }
    }

    /// What the application was given at its start as [`Data`], the catalog, say.
    pub fn data<T: 'static>(&self) -> Option<Data<T>> {
        self.request.app_data::<Data<T>>().cloned()
    }

    /// Whether nothing was collected so far.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn found(self) -> Vec<Fault> {
        self.found
    }
}

/// [`Faults`] one level deeper, until it is dropped.
#[derive(Debug)]
pub struct Nested<'f> {
    faults: &'f mut Faults,
    steps: usize,
}

impl Deref for Nested<'_> {
    type Target = Faults;

    fn deref(&self) -> &Faults {
        self.faults
    }
}

impl DerefMut for Nested<'_> {
    fn deref_mut(&mut self) -> &mut Faults {
        self.faults
    }
}

impl Drop for Nested<'_> {
    fn drop(&mut self) {
        let length = self.faults.path.len().saturating_sub(self.steps);
        self.faults.path.truncate(length);
    }
}
