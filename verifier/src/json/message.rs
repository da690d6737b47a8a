//! Messages between shards as JSON.

use alloc::string::ToString;

use serde_json::{Value, json};

use super::receipt::{body, body_value, path, path_value};
use super::{JsonError, Node};
use crate::claim::MessageClaim;
use crate::statement::{Channel, Message};

pub(super) fn message_claim(node: &Node) -> Result<MessageClaim, JsonError> {
    Ok(MessageClaim {
        body: body(&node.at("body")?)?,
        destination: node.at("destination")?.integer()?,
        channel: channel(&node.at("channel")?)?,
        channel_path: path(&node.at("channel_path")?)?,
        index: node.at("index")?.integer()?,
        message: node.nullable("message", message)?,
        path: path(&node.at("path")?)?,
    })
}

fn channel(node: &Node) -> Result<Channel, JsonError> {
    Ok(Channel {
        count: node.at("count")?.integer()?,
        messages: node.at("messages")?.number()?,
    })
}

fn message(node: &Node) -> Result<Message, JsonError> {
    Ok(Message {
        kind: node.at("kind")?.integer()?,
        from: node.at("from")?.integer()?,
        to: node.at("to")?.integer()?,
        amount: node.at("amount")?.integer()?,
        payload: node.at("payload")?.number()?,
    })
}

pub(super) fn message_claim_value(claim: &MessageClaim) -> Value {
    let message = claim.message.as_ref().map(|message| {
        json!({
            "kind": message.kind.to_string(),
            "from": message.from.to_string(),
            "to": message.to.to_string(),
            "amount": message.amount.to_string(),
            "payload": message.payload.to_string(),
        })
    });
    json!({
        "body": body_value(&claim.body),
        "destination": claim.destination.to_string(),
        "channel": {
            "count": claim.channel.count.to_string(),
            "messages": claim.channel.messages.to_string(),
        },
        "channel_path": path_value(&claim.channel_path),
        "index": claim.index.to_string(),
        "message": message,
        "path": path_value(&claim.path),
    })
}
