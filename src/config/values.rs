//! How values are written in the file that TOML has no type for.

pub(super) mod fault_length {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, de::Error};

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = String::deserialize(deserializer)?;
        crate::args::fault_length(&text)
            .map(Some)
            .map_err(Error::custom)
    }
}

pub(super) mod rate {
    use serde::{Deserialize, Deserializer, de::Error};

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<f64>, D::Error> {
        let rate = f64::deserialize(deserializer)?;
        if rate > 0.0 && rate.is_finite() {
            Ok(Some(rate))
        } else {
            Err(D::Error::custom("it must be a number above 0"))
        }
    }
}

pub(super) mod share {
    use serde::{Deserialize, Deserializer, de::Error};

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<f64>, D::Error> {
        let text = String::deserialize(deserializer)?;
        crate::args::share(&text).map(Some).map_err(Error::custom)
    }
}

pub(super) mod duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, de::Error};

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = String::deserialize(deserializer)?;
        crate::args::refresh(&text).map(Some).map_err(Error::custom)
    }
}

pub(super) mod keys {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged, expecting = "write a list of keys, [\"F\"] for instance")]
    enum Chosen {
        Keys(Vec<String>),
        /// What TOML makes of `logs.follow` without quotes.
        Parts(BTreeMap<String, Vec<String>>),
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<String, Vec<String>>, D::Error> {
        let mut keys = BTreeMap::new();
        for (name, chosen) in BTreeMap::<String, Chosen>::deserialize(deserializer)? {
            let named = match chosen {
                Chosen::Keys(own) => vec![(name, own)],
                Chosen::Parts(parts) => {
                    let parts = parts.into_iter();
                    parts
                        .map(|(part, own)| (format!("{name}.{part}"), own))
                        .collect()
                }
            };
            for (name, own) in named {
                if keys.contains_key(&name) {
                    return Err(Error::custom(format!("{name} is there twice")));
                }
                keys.insert(name, own);
            }
        }
        Ok(keys)
    }
}
