//! Fields given as `""`, which templates print for what their user left out.

use serde::de::value::StringDeserializer;
use serde::de::{Deserialize, Deserializer, IntoDeserializer};

/// Reads an optional field; `""` counts as left out. It stays in the object as it was written, so that the same manifest can
/// be applied again.
pub(super) fn left_out<'de, D, T>(input: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let given = Option::<String>::deserialize(input)?.filter(|text| !text.is_empty());
    let read = |text: String| {
        let text: StringDeserializer<D::Error> = text.into_deserializer();
        T::deserialize(text)
    };
    given.map(read).transpose()
}

/// The same for a field that always has a value.
pub(super) fn left_out_is_default<'de, D, T>(input: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    left_out(input).map(Option::unwrap_or_default)
}
