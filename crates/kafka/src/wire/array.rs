//! Arrays that are read as they are walked.

use std::fmt;

use super::errors::WireError;
use super::message::{Field, Nullable, Version};
use super::primitives::Reader;
use super::writer::Writer;

/// An array of a message: elements in place, known to be well-formed, or made here to be written.
///
/// Walking one that was read decodes its elements again each time and allocates nothing: a request of many small
/// elements costs no more memory than its frame.
#[derive(Clone)]
pub struct Array<'a, T>(Repr<'a, T>);

#[derive(Clone)]
enum Repr<'a, T> {
    Wire { count: usize, bytes: &'a [u8], version: Version },
    Items(Vec<T>),
}

impl<'a, T> Array<'a, T> {
    /// Elements in it.
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Wire { count, .. } => *count,
            Repr::Items(items) => items.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a, T: Field<'a> + Clone> Array<'a, T> {
    /// Walks it.
    pub fn iter(&self) -> Iter<'_, 'a, T> {
        match &self.0 {
            Repr::Wire { count, bytes, version } => {
                Iter::Wire { left: *count, input: Reader::new(bytes), version: *version }
            }
            Repr::Items(items) => Iter::Items(items.iter()),
        }
    }
}

impl<'s, 'a, T: Field<'a> + Clone> IntoIterator for &'s Array<'a, T> {
    type Item = T;
    type IntoIter = Iter<'s, 'a, T>;

    fn into_iter(self) -> Iter<'s, 'a, T> {
        self.iter()
    }
}

/// The elements of an [`Array`].
pub enum Iter<'s, 'a, T> {
    /// Of one that was read.
    Wire {
        /// Elements that follow.
        left: usize,
        /// Their bytes.
        input: Reader<'a>,
        /// Of the message.
        version: Version,
    },
    /// Of one that was made.
    Items(std::slice::Iter<'s, T>),
}

impl<'a, T: Field<'a> + Clone> Iterator for Iter<'_, 'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match self {
            Iter::Wire { left, input, version } => {
                *left = left.checked_sub(1)?;
                // Reading the array has read every element.
                let element = T::read(input, *version);
                debug_assert!(element.is_ok(), "an array is walked before it is handed out");
                element.ok()
            }
            Iter::Items(items) => items.next().cloned(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match self {
            Iter::Wire { left, .. } => *left,
            Iter::Items(items) => items.len(),
        };
        (left, Some(left))
    }
}

impl<'a, T: Field<'a> + Clone> ExactSizeIterator for Iter<'_, 'a, T> {}

impl<T> Default for Array<'_, T> {
    fn default() -> Self {
        Array(Repr::Items(Vec::new()))
    }
}

impl<T> From<Vec<T>> for Array<'_, T> {
    fn from(items: Vec<T>) -> Self {
        Array(Repr::Items(items))
    }
}

impl<T> FromIterator<T> for Array<'_, T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Array(Repr::Items(items.into_iter().collect()))
    }
}

impl<'a, T: Field<'a> + Clone + PartialEq> PartialEq for Array<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a, T: Field<'a> + Clone + fmt::Debug> fmt::Debug for Array<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, T: Field<'a> + Clone> Array<'a, T> {
    fn read_elements(input: &mut Reader<'a>, count: usize, version: Version) -> Result<Self, WireError> {
        let start = input.rest();
        if T::FIXED > 0 {
            input.take(count.checked_mul(T::FIXED).ok_or(WireError::Cut)?)?;
        } else {
            for _ in 0..count {
                T::read(input, version)?;
            }
        }
        let bytes = &start[..start.len() - input.rest().len()];
        Ok(Array(Repr::Wire { count, bytes, version }))
    }
}

impl<'a, T: Field<'a> + Clone> Field<'a> for Array<'a, T> {
    fn read(input: &mut Reader<'a>, version: Version) -> Result<Self, WireError> {
        let count = input.count(version)?.ok_or(WireError::Null)?;
        Self::read_elements(input, count, version)
    }

    fn write(&self, out: &mut Writer, version: Version) {
        out.put_count(Some(self.len()), version);
        match &self.0 {
            Repr::Items(items) => items.iter().for_each(|item| item.write(out, version)),
            Repr::Wire { .. } => self.iter().for_each(|item| item.write(out, version)),
        }
    }
}

impl<'a, T: Field<'a> + Clone> Nullable<'a> for Array<'a, T> {
    fn read_nullable(input: &mut Reader<'a>, version: Version) -> Result<Option<Self>, WireError> {
        let Some(count) = input.count(version)? else { return Ok(None) };
        Self::read_elements(input, count, version).map(Some)
    }

    fn write_nullable(value: Option<&Self>, out: &mut Writer, version: Version) {
        match value {
            Some(array) => array.write(out, version),
            None => out.put_count(None, version),
        }
    }
}
