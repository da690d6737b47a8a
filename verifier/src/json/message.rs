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
        destination: node.integer_at("destination")?,
        channel: channel(&node.at("channel")?)?,
        channel_path: path(&node.at("channel_path")?)?,
        index: node.integer_at("index")?,
        message: node.nullable("message", message)?,
        path: path(&node.at("path")?)?,
    })
}

fn channel(node: &Node) -> Result<Channel, JsonError> {
    Ok(Channel {
        count: node.integer_at("count")?,
        messages: node.element_at("messages")?,
    })
}

fn message(node: &Node) -> Result<Message, JsonError> {
    Ok(Message {
        kind: node.integer_at("kind")?,
        from: node.integer_at("from")?,
        to: node.integer_at("to")?,
        amount: node.integer_at("amount")?,
        payload: node.element_at("payload")?,
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
