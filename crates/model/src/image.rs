//! What an image consists of, for people who look at it: its layers, and how each came about.

use serde::Deserialize;

use crate::{Digest, Rfc3339, Timestamp};

/// Types of configs that tell the history of an image.
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
/// Steps of a history that are told. Nothing that builds images takes so many, and each is told at length.
const MAX_STEPS: usize = 4096;

/// What a manifest says that it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The config, if its type is one that tells a history.
    pub config: Option<Digest>,
    /// The layers, base first; of a document that is no image, what it holds.
    pub layers: Vec<Layer>,
}

/// A layer, or a step in the making of an image that changed no file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layer {
    /// The blob; none where no file was changed.
    pub blob: Option<Digest>,
    /// The blob's size in bytes.
    pub size: i64,
    /// From where it can be had besides.
    pub urls: Vec<String>,
    /// What made it.
    pub command: Option<String>,
    /// What its maker says of it.
    pub comment: Option<String>,
    /// Who made it.
    pub author: Option<String>,
    /// When it was made.
    pub created: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Document {
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    blobs: Option<Vec<Descriptor>>,
}

#[derive(Deserialize)]
struct Descriptor {
    #[serde(rename = "mediaType")]
    media_type: String,
    digest: Digest,
    size: i64,
    urls: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Config {
    history: Option<Vec<Step>>,
}

#[derive(Deserialize)]
struct Step {
    created: Option<String>,
    created_by: Option<String>,
    author: Option<String>,
    comment: Option<String>,
    empty_layer: Option<bool>,
}

impl Image {
    /// Reads a manifest; `None` if it is not made of layers.
    pub fn read(manifest: &[u8]) -> Option<Self> {
        let document: Document = serde_json::from_slice(manifest).ok()?;
        let config = document.config.filter(|config| CONFIGS.contains(&config.media_type.as_str()));
        let held = document.layers.or(document.blobs).unwrap_or_default();
        Some(Self {
            config: config.map(|config| config.digest),
            layers: held.into_iter().map(Layer::from).collect(),
        })
    }

    /// The layers in the order of the history that the config tells, with the steps that changed no file; as they are,
    /// if it tells none that fits them.
    pub fn described_by(self, config: &[u8]) -> Vec<Layer> {
        let history = serde_json::from_slice::<Config>(config).ok().and_then(|config| config.history);
        let Some(history) = history.filter(|history| history.len() <= MAX_STEPS) else { return self.layers };
        let filled = history.iter().filter(|step| !step.is_empty()).count();
        if filled != self.layers.len() {
            return self.layers;
        }
        let mut layers = self.layers.into_iter();
        let layer = |step: Step| {
            let layer = if step.is_empty() { None } else { layers.next() };
            step.describing(layer.unwrap_or_default())
        };
        history.into_iter().map(layer).collect()
    }
}

impl Step {
    fn is_empty(&self) -> bool {
        self.empty_layer == Some(true)
    }

    fn describing(self, layer: Layer) -> Layer {
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        Layer {
            command: said(self.created_by),
            comment: said(self.comment),
            author: said(self.author),
            created: self.created.and_then(|text| Rfc3339::parse(&text)).map(|(instant, _)| instant),
            ..layer
        }
    }
}

impl From<Descriptor> for Layer {
    fn from(descriptor: Descriptor) -> Self {
        let urls = descriptor.urls.and_then(|urls| serde_json::from_value(urls).ok()).unwrap_or_default();
        Self { blob: Some(descriptor.digest), size: descriptor.size, urls, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn descriptor(media_type: &str, content: &str) -> Value {
        json!({"mediaType": media_type, "digest": Digest::sha256(content.as_bytes()), "size": content.len()})
    }

    fn image(config_type: &str) -> Image {
        let mut remote = descriptor("a/layer", "two");
        remote["urls"] = json!(["https://elsewhere.example.com/two"]);
        let document = json!({
            "config": descriptor(config_type, "config"), "layers": [descriptor("a/layer", "one"), remote],
        });
        Image::read(document.to_string().as_bytes()).expect("an image")
    }

    #[test]
    fn layers_follow_the_history_and_steps_without_files_have_no_blob() {
        let config = json!({"history": [
            {"created": "2026-08-02T20:00:00Z", "created_by": "/bin/sh -c #(nop) ADD x", "author": "a"},
            {"created_by": "ENV A=1", "empty_layer": true, "comment": "c"},
            {"created": "not a date", "created_by": "", "empty_layer": false},
        ]});
        let image = image(CONFIGS[0]);
        let (one, two) = (image.layers[0].clone(), image.layers[1].clone());
        assert_eq!(two.urls, ["https://elsewhere.example.com/two"]);
        let text = |text: &str| Some(text.to_owned());
        let expected = [
            Layer {
                command: text("/bin/sh -c #(nop) ADD x"),
                author: text("a"),
                created: Some(Timestamp::from_ms(1_785_700_800_000)),
                ..one
            },
            Layer { command: text("ENV A=1"), comment: text("c"), ..Layer::default() },
            two,
        ];
        assert_eq!(image.described_by(config.to_string().as_bytes()), expected);
    }

    #[test]
    fn a_history_that_does_not_fit_describes_nothing() {
        let step = json!({"created_by": "x"});
        let empty = json!({"created_by": "x", "empty_layer": true});
        for config in [
            json!({"history": [step]}),
            json!({"history": [step, step, step]}),
            json!({"history": [step, empty]}),
            json!({"history": []}),
            json!({"history": null}),
            json!({"history": "x"}),
            json!({"history": [1, 2]}),
            json!({"history": vec![&empty; MAX_STEPS + 1]}),
            json!({}),
            json!(7),
        ] {
            let image = image(CONFIGS[1]);
            assert_eq!(image.clone().described_by(config.to_string().as_bytes()), image.layers);
        }
        assert_eq!(image(CONFIGS[0]).described_by(b"\xff{").len(), 2);
    }

    #[test]
    fn only_configs_of_images_are_asked_for_a_history() {
        assert!(image(CONFIGS[0]).config.is_some() && image(CONFIGS[1]).config.is_some());
        assert_eq!(image("application/vnd.example+json").config, None);
        let artifact = json!({"blobs": [descriptor("a/b", "held")]});
        let artifact = Image::read(artifact.to_string().as_bytes()).expect("an artifact");
        assert_eq!((artifact.config, artifact.layers.len()), (None, 1));
    }

    proptest! {
        #[test]
        fn reading_never_panics(manifest in "\\PC{0,80}", config in "\\PC{0,80}") {
            let _ = Image::read(manifest.as_bytes());
            let _ = image(CONFIGS[0]).described_by(config.as_bytes());
        }
    }
}
