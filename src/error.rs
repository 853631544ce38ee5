//! Every error that can end a request, whose fault it is, and how the client is told.

pub mod report;
pub mod request;
pub mod respond;

pub use report::{ErrorReport, ProviderWords, UpstreamReport};
pub use request::RequestError;

use crate::{
    limits::LimitError, metadata::chain::MAX_HOPS, providers::ProviderId, upstream::UpstreamError,
};

/// Who is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The caller.
    Downstream,
    /// The provider, or the way to it.
    Upstream,
    /// Herald itself.
    Gateway,
}

impl Origin {
    /// As logs have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Downstream => "downstream",
            Self::Upstream => "upstream",
            Self::Gateway => "gateway",
        }
    }
}

/// Any error that ends a request.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HeraldError {
    /// The request is at fault.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The caller's key is.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// A limit of the settings stands in its way.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// Herald is.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The provider is.
    #[error("provider `{provider}`: {error}")]
    Upstream {
        /// Who was asked.
        provider: ProviderId,
        /// For which model, by the provider's name.
        model: String,
        /// What happened.
        error: Box<UpstreamError>,
    },
}

impl HeraldError {
    /// Whose fault it is.
    #[must_use]
    pub fn origin(&self) -> Origin {
        match self {
            Self::Request(_) | Self::Auth(_) => Origin::Downstream,
            Self::Limit(_) | Self::Gateway(_) => Origin::Gateway,
            Self::Upstream { error, .. } if error.is_own() => Origin::Gateway,
            Self::Upstream { .. } => Origin::Upstream,
        }
    }

    /// The code under which clients and logs know it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Request(error) => error.code(),
            Self::Auth(AuthError::Expired) => "expired_api_key",
            Self::Auth(_) => "invalid_api_key",
            Self::Limit(error) => error.code(),
            Self::Gateway(GatewayError::Draining) => "gateway_draining",
            Self::Gateway(GatewayError::Loop) => "gateway_loop",
            Self::Gateway(GatewayError::Internal) => "gateway_error",
            Self::Gateway(GatewayError::NotMounted) => "gateway_not_mounted",
            Self::Upstream { error, .. } => error.code(),
        }
    }
}

/// What is wrong with a caller's key. The key itself is never told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There is none.
    #[error("no API key: send `Authorization: Bearer KEY`")]
    Missing,
    /// There are several different ones, and each could be meant.
    #[error("several different API keys: send one")]
    Several,
    /// It is none of ours.
    #[error("the API key is not known")]
    Unknown,
    /// It was one of ours until its `keys.expires`.
    #[error("the API key has expired")]
    Expired,
}

/// What is wrong with Herald.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// It is shutting down.
    #[error("the gateway is shutting down")]
    Draining,
    /// The request has passed too many Heralds.
    #[error(
        "the request has passed {MAX_HOPS} gateways, one of which has it ask another over and over"
    )]
    Loop,
    /// A defect: the log says more.
    #[error("the gateway failed on this request; its log says more")]
    Internal,
    /// `herald::configure` was mounted in an app that holds no `web::Data<Gateway>`.
    #[error("this app mounts Herald but holds no `web::Data<herald::Gateway>`")]
    NotMounted,
}
