//! Blobs in a stream: piece `n` of a blob under `<p>.artifacts.<digest>.<n>`.
//!
//! Piece 0 names the blob's length and is written last: a blob without it is not there. A reader needs no consumer and no
//! right but to ask for a piece by its subject, and nothing is left where listing does not see it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::stream::{DirectGetErrorKind, LastRawMessageErrorKind};
use async_nats::jetstream::{self, Context, stream};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream as streams};

use super::fetch::{Reading, each};
use super::{Names, Role, backend};
use crate::artifacts::{Listed, MAX_ARTIFACT_BYTES, name_of};
use crate::queue::QueueError;
use crate::{ArtifactError, Artifacts, Digest};

/// Bytes of a piece, the last of a blob may be shorter.
pub const PIECE_BYTES: usize = 128 << 10;
/// Pieces on their way at a time.
const WINDOW: usize = 8;
/// A blob older than this is written again when it is stored again, so that nobody clears it away as forgotten.
const YOUNG: Duration = Duration::from_secs(600);
/// A replica may lag behind the leader: what is missing is asked for so often, with this pause.
const TRIES: usize = 4;
const PAUSE: Duration = Duration::from_millis(50);
/// Length of the whole blob in bytes, in the header of piece 0.
const LENGTH: &str = "Trifold-Bytes";

/// Blobs in JetStream, at most [`MAX_ARTIFACT_BYTES`] each.
pub struct NatsArtifacts {
    pub context: Context,
    pub names: Names,
    pub role: Role,
    pub timeout: Duration,
}

fn store_error(error: impl std::fmt::Display) -> ArtifactError {
    ArtifactError::Store(error.to_string())
}

/// Time since `then` by our clock; 0 for a time to come.
fn age(then: i128) -> Duration {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |d| d.as_nanos() as i128);
    Duration::from_nanos(u64::try_from(now - then).unwrap_or(0))
}

impl NatsArtifacts {
    fn subject(&self, digest: &Digest, piece: &str) -> String {
        self.names.subject(&format!("artifacts.{digest}.{piece}"))
    }

    async fn stream(&self) -> Result<stream::Stream<()>, ArtifactError> {
        let name = self.names.stream("ARTIFACTS");
        self.context
            .get_stream_no_info(name)
            .await
            .map_err(store_error)
    }

    async fn piece(
        &self,
        digest: &Digest,
        index: usize,
    ) -> Result<Option<StreamMessage>, ArtifactError> {
        let stream = self.stream().await?;
        let subject = self.subject(digest, &index.to_string());
        match stream.direct_get_last_for_subject(subject).await {
            Ok(message) => Ok(Some(message)),
            Err(e) if e.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Err(e) => Err(store_error(e)),
        }
    }

    async fn patient_piece(
        &self,
        digest: &Digest,
        index: usize,
    ) -> Result<StreamMessage, ArtifactError> {
        for _ in 1..TRIES {
            if let Some(piece) = self.piece(digest, index).await? {
                return Ok(piece);
            }
            tokio::time::sleep(PAUSE).await;
        }
        if self.role == Role::Coordinator {
            return self.piece_of_leader(digest, index).await;
        }
        let last = self.piece(digest, index).await?;
        last.ok_or(ArtifactError::Missing(*digest))
    }

    /// What the stream's leader does not have is not there.
    async fn piece_of_leader(
        &self,
        digest: &Digest,
        index: usize,
    ) -> Result<StreamMessage, ArtifactError> {
        let stream = self.stream().await?;
        let subject = self.subject(digest, &index.to_string());
        let piece = stream.get_last_raw_message_by_subject(&subject).await;
        piece.map_err(|error| match error.kind() {
            LastRawMessageErrorKind::NoMessageFound => ArtifactError::Missing(*digest),
            _ => store_error(error),
        })
    }

    /// Whether the store holds exactly this, and lately.
    async fn is_kept(&self, digest: &Digest, bytes: &Bytes) -> Result<bool, ArtifactError> {
        let Some(first) = self.piece(digest, 0).await? else {
            return Ok(false);
        };
        if age(first.time.unix_timestamp_nanos()) > YOUNG {
            return Ok(false);
        }
        let kept = self.rest(digest, bytes.len(), first).await;
        Ok(kept.is_ok_and(|kept| kept == bytes))
    }

    async fn write(
        &self,
        digest: &Digest,
        index: usize,
        bytes: &Bytes,
    ) -> Result<(), ArtifactError> {
        let start = index * PIECE_BYTES;
        let piece = bytes.slice(start..bytes.len().min(start + PIECE_BYTES));
        let message = PublishMessage::build()
            .payload(piece)
            .header(LENGTH, bytes.len().to_string());
        let subject = self.subject(digest, &index.to_string());
        let ack = self.context.send_publish(subject, message).await;
        ack.map_err(store_error)?.await.map_err(store_error)?;
        Ok(())
    }

    /// The blob whose piece 0 is at hand.
    async fn rest(
        &self,
        digest: &Digest,
        limit: usize,
        first: StreamMessage,
    ) -> Result<Bytes, ArtifactError> {
        let length = first.headers.get(LENGTH);
        let length: Option<usize> = length.and_then(|text| text.as_str().parse().ok());
        let length = length.ok_or_else(|| store_error(format!("{digest} has no length")))?;
        if length > limit.min(MAX_ARTIFACT_BYTES) {
            return Err(ArtifactError::TooLarge {
                digest: *digest,
                limit,
            });
        }
        let pieces = streams::iter(1..length.div_ceil(PIECE_BYTES))
            .map(|index| self.patient_piece(digest, index))
            .buffered(WINDOW);
        tokio::pin!(pieces);
        let mut blob = BytesMut::from(first.payload.as_ref());
        while let Some(piece) = pieces.try_next().await? {
            blob.extend_from_slice(&piece.payload);
        }
        Ok(blob.freeze())
    }
}

/// Digest and time of storing of one piece, and its length.
fn listed(message: &jetstream::Message, root: &str) -> Result<Option<Listed>, QueueError> {
    let name = message.subject.strip_prefix(root).unwrap_or_default();
    let digest = name.split('.').next().and_then(|name| name.parse().ok());
    let published = message.info().map_err(backend)?.published;
    let headers = message.headers.as_ref();
    let size = headers.and_then(|headers| headers.get("Nats-Msg-Size"));
    Ok(digest.map(|digest| Listed {
        digest,
        age: age(published.unix_timestamp_nanos()),
        bytes: size
            .and_then(|size| size.as_str().parse().ok())
            .unwrap_or(0),
    }))
}

#[async_trait]
impl Artifacts for NatsArtifacts {
    async fn put(&self, bytes: Bytes) -> Result<Digest, ArtifactError> {
        let digest = name_of(&bytes)?;
        if self.is_kept(&digest, &bytes).await? {
            return Ok(digest);
        }
        streams::iter(1..bytes.len().div_ceil(PIECE_BYTES))
            .map(|index| self.write(&digest, index, &bytes))
            .buffered(WINDOW)
            .try_collect::<()>()
            .await?;
        self.write(&digest, 0, &bytes).await?;
        Ok(digest)
    }

    async fn list(&self) -> Result<Vec<Listed>, ArtifactError> {
        let root = self.names.subject("artifacts.");
        let reading = Reading {
            subject: format!("{root}>"),
            from: 1,
            headers_only: true,
        };
        let mut blobs: BTreeMap<Digest, Listed> = BTreeMap::new();
        let stream = self.stream().await?;
        each(&stream, reading, self.timeout, |message| {
            if let Some(piece) = listed(&message, &root)? {
                let blob = blobs.entry(piece.digest).or_insert(Listed {
                    bytes: 0,
                    ..piece.clone()
                });
                blob.bytes += piece.bytes;
                blob.age = blob.age.min(piece.age);
            }
            Ok(true)
        })
        .await
        .map_err(store_error)?;
        Ok(blobs.into_values().collect())
    }

    /// Asks the stream's leader, which knows of piece 0 as soon as it was stored.
    async fn holds(&self, digest: &Digest) -> Result<bool, ArtifactError> {
        let stream = self.stream().await?;
        let first = stream.info_with_subjects(self.subject(digest, "0")).await;
        let mut found = first.map_err(store_error)?;
        let piece = found.try_next().await.map_err(store_error)?;
        Ok(piece.is_some())
    }

    async fn delete(&self, digest: &Digest) -> Result<(), ArtifactError> {
        let purge = self.stream().await?.purge();
        let purged = purge.filter(self.subject(digest, "*")).await;
        purged.map(drop).map_err(store_error)
    }

    async fn get_unchecked(&self, digest: &Digest, limit: usize) -> Result<Bytes, ArtifactError> {
        let first = self.patient_piece(digest, 0).await?;
        self.rest(digest, limit, first).await
    }
}
