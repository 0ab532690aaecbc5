//! The queues that an administrator sees and can pause (behaviour 15.5).

/// A queue by its name on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueName {
    /// Webhooks.
    Notify,
    /// Outgoing messages.
    Submit,
    /// The document store of the reference; always empty here.
    Documents,
}

impl QueueName {
    /// Every queue.
    pub const ALL: [Self; 3] = [Self::Notify, Self::Submit, Self::Documents];

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notify => "notify",
            Self::Submit => "submit",
            Self::Documents => "documents",
        }
    }

    /// The setting that says whether it is paused: so every process knows, and a restart changes nothing.
    #[must_use]
    pub const fn pause_setting(self) -> &'static str {
        match self {
            Self::Notify => "notifyQueuePaused",
            Self::Submit => "submitQueuePaused",
            Self::Documents => "documentsQueuePaused",
        }
    }

    /// The queue of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.as_str() == name)
    }
}
