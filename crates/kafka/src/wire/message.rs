//! How a table of fields becomes a struct that reads and writes itself.

use super::errors::WireError;
use super::primitives::Reader;
use super::writer::Writer;

/// Version of a message, and which of the two encodings it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Number of the api's version.
    pub number: i16,
    /// Compact lengths and tagged fields.
    pub flexible: bool,
}

/// What can stand in a message. `'a` is the life of the frame that it is read from.
pub trait Field<'a>: Sized {
    /// Bytes on the wire if they are always the same, else 0.
    const FIXED: usize = 0;

    /// Takes it off the front of what is left.
    ///
    /// # Errors
    /// Cut short, not well-formed, null where nothing may be null.
    fn read(input: &mut Reader<'a>, version: Version) -> Result<Self, WireError>;

    /// Appends it.
    fn write(&self, out: &mut Writer, version: Version);

    /// [`Field::read`] in versions in which it cannot be null.
    ///
    /// # Errors
    /// As [`Field::read`]; null.
    #[inline]
    fn read_present(input: &mut Reader<'a>, version: Version) -> Result<Self, WireError> {
        Self::read(input, version)
    }

    /// [`Field::write`] in versions in which it cannot be null: what is absent is written as empty.
    #[inline]
    fn write_present(&self, out: &mut Writer, version: Version) {
        self.write(out, version);
    }
}

/// A field that has an encoding for null. It is `Option<Self>` that is the field.
pub trait Nullable<'a>: Field<'a> + Default {
    /// [`Field::read`], or `None` for null.
    ///
    /// # Errors
    /// As [`Field::read`].
    fn read_nullable(input: &mut Reader<'a>, version: Version) -> Result<Option<Self>, WireError>;

    /// Appends it, or null.
    fn write_nullable(value: Option<&Self>, out: &mut Writer, version: Version);
}

impl<'a, T: Nullable<'a>> Field<'a> for Option<T> {
    #[inline]
    fn read(input: &mut Reader<'a>, version: Version) -> Result<Self, WireError> {
        T::read_nullable(input, version)
    }

    #[inline]
    fn write(&self, out: &mut Writer, version: Version) {
        T::write_nullable(self.as_ref(), out, version);
    }

    fn read_present(input: &mut Reader<'a>, version: Version) -> Result<Self, WireError> {
        T::read(input, version).map(Some)
    }

    fn write_present(&self, out: &mut Writer, version: Version) {
        match self {
            Some(value) => value.write(out, version),
            None => T::default().write(out, version),
        }
    }
}

/// Makes structs from tables of fields, in the order of the wire:
/// `name: Type [versions] tag 0 null [versions] = default`, the last three only where they apply. A field that is not in
/// a version has its default; a tagged field that has its default is not written.
macro_rules! messages {
    ($($(#[$doc:meta])* $Name:ident $(<$life:lifetime>)? {
        $($field:ident: $Type:ty [$versions:expr] $(tag $tag:literal)? $(null [$null:expr])? $(= $default:expr)?,)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs, reason = "the names are the protocol guide's")]
        pub struct $Name $(<$life>)? {
            $(pub $field: $Type,)*
        }

        impl $(<$life>)? Default for $Name $(<$life>)? {
            fn default() -> Self {
                $Name { $($field: $crate::wire::message::value!($($default)?),)* }
            }
        }

        #[cfg(test)]
        impl $(<$life>)? $crate::wire::tests::sample::Sample for $Name $(<$life>)? {
            fn sample(dice: &mut $crate::wire::tests::sample::Dice) -> Self {
                let _ = &dice;
                $Name { $($field: $crate::wire::tests::sample::Sample::sample(dice),)* }
            }
        }

        $crate::wire::message::message_impl! {
            [$Name] [$($life)?]
            $($field: $Type [$versions] [$($tag)?] [$($null)?],)*
        }
    )*};
}

/// A field's default: its own, or its type's.
macro_rules! value {
    () => {
        Default::default()
    };
    ($default:expr) => {
        $default
    };
}

/// The tag of a field, if it has one.
macro_rules! tag {
    () => {
        None::<u32>
    };
    ($tag:literal) => {
        Some::<u32>($tag)
    };
}

/// Whether a version lets a field be null; a type that cannot be does not ask.
macro_rules! nullable {
    ($number:expr;) => {
        true
    };
    ($number:expr; $null:expr) => {
        ($null).contains(&$number)
    };
}

/// `Field` and `Nullable` for a struct, with or without a lifetime of its own.
macro_rules! message_impl {
    ([$Name:ident] [] $($fields:tt)*) => {
        $crate::wire::message::message_impl! { @field [$Name] ['wire] $($fields)* }
        $crate::wire::message::message_impl! { @nullable [$Name] ['wire] }
    };
    ([$Name:ident] [$life:lifetime] $($fields:tt)*) => {
        $crate::wire::message::message_impl! { @field [$Name<$life>] [$life] $($fields)* }
        $crate::wire::message::message_impl! { @nullable [$Name<$life>] [$life] }
    };
    (@field [$Self:ty] [$life:lifetime]
        $($field:ident: $Type:ty [$versions:expr] [$($tag:literal)?] [$($null:expr)?],)*) => {
        #[allow(unused_variables, unused_mut, reason = "a struct may have no fields, and no tagged ones")]
        impl<$life> $crate::wire::message::Field<$life> for $Self {
            fn read(
                input: &mut $crate::wire::primitives::Reader<$life>,
                version: $crate::wire::message::Version,
            ) -> Result<Self, $crate::wire::errors::WireError> {
                let number = version.number;
                let mut this = Self::default();
                $(if $crate::wire::message::tag!($($tag)?).is_none() && ($versions).contains(&number) {
                    this.$field = if $crate::wire::message::nullable!(number; $($null)?) {
                        <$Type as $crate::wire::message::Field<$life>>::read(input, version)?
                    } else {
                        <$Type as $crate::wire::message::Field<$life>>::read_present(input, version)?
                    };
                })*
                if version.flexible {
                    for _ in 0..input.tag_count()? {
                        let (tag, mut value) = input.tagged()?;
                        $(if $crate::wire::message::tag!($($tag)?) == Some(tag) && ($versions).contains(&number) {
                            this.$field = <$Type as $crate::wire::message::Field<$life>>::read(&mut value, version)?;
                        })*
                    }
                }
                Ok(this)
            }

            fn write(&self, out: &mut $crate::wire::writer::Writer, version: $crate::wire::message::Version) {
                let number = version.number;
                $(if $crate::wire::message::tag!($($tag)?).is_none() && ($versions).contains(&number) {
                    if $crate::wire::message::nullable!(number; $($null)?) {
                        $crate::wire::message::Field::write(&self.$field, out, version);
                    } else {
                        $crate::wire::message::Field::write_present(&self.$field, out, version);
                    }
                })*
                if version.flexible {
                    let mut tags = out.tags();
                    let usual = Self::default();
                    $(if let Some(tag) = $crate::wire::message::tag!($($tag)?) {
                        if ($versions).contains(&number) && self.$field != usual.$field {
                            tags.put(out, tag, &self.$field, version);
                        }
                    })*
                }
            }
        }
    };
    (@nullable [$Self:ty] [$life:lifetime]) => {
        impl<$life> $crate::wire::message::Nullable<$life> for $Self {
            fn read_nullable(
                input: &mut $crate::wire::primitives::Reader<$life>,
                version: $crate::wire::message::Version,
            ) -> Result<Option<Self>, $crate::wire::errors::WireError> {
                use $crate::wire::message::Field;
                // A struct that may be null has a byte before it: -1 for null.
                if i8::read(input, version)? < 0 { Ok(None) } else { Self::read(input, version).map(Some) }
            }

            fn write_nullable(
                value: Option<&Self>,
                out: &mut $crate::wire::writer::Writer,
                version: $crate::wire::message::Version,
            ) {
                use $crate::wire::message::Field;
                match value {
                    None => (-1i8).write(out, version),
                    Some(value) => {
                        1i8.write(out, version);
                        value.write(out, version);
                    }
                }
            }
        }
    };
}

pub(crate) use {message_impl, messages, nullable, tag, value};
