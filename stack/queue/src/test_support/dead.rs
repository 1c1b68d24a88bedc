//! Dead letters as they lie in Redis.

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id in the stream of dead letters.
    pub id: String,
    /// Its fields and their values.
    pub fields: Vec<(String, String)>,
}

impl DeadLetter {
    /// The values of a field, of which there should be one.
    #[must_use]
    pub fn values_of(&self, name: &str) -> Vec<&str> {
        let fields = self.fields.iter();
        let these = fields.filter(|(field, _)| field == name);
        these.map(|(_, value)| value.as_str()).collect()
    }
}
