//! A long list of rooms, read page by page while rooms come and go.

use super::Deployment;
use crate::harness::Client;
use std::collections::BTreeMap;

#[tokio::test]
async fn a_thousand_rooms_are_read_completely_while_others_come_and_go() {
    for deployment in [Deployment::alone().await, Deployment::with_redis().await] {
        read_all(&deployment).await;
    }
}

async fn read_all(deployment: &Deployment) {
    const ROOMS: usize = 1000;

    let mut clients = Vec::new();
    for number in 0..ROOMS {
        clients.push(member(deployment, number, &format!("room {number}")).await);
    }
    // Every tenth goes while the pages are read, and as many come.
    let (mut going, staying): (Vec<_>, Vec<_>) =
        clients.into_iter().enumerate().partition(|(number, _)| number % 10 == 0);
    let (mut seen, mut cursor, mut pages, mut newcomers) = (BTreeMap::new(), String::new(), 0, Vec::new());
    loop {
        let path = format!("/api/v1/rooms?limit=37{cursor}");
        let page = deployment.operator(pages).read(&path).await;
        let rooms = page["rooms"].as_array().expect("rooms");
        assert!(rooms.len() <= 37);
        for room in rooms {
            assert_eq!(room["members"], 1, "{room}");
            *seen.entry(room["room"].as_str().expect("a name").to_owned()).or_insert(0) += 1;
        }
        for _ in 0..5 {
            let Some((number, client)) = going.pop() else { break };
            client.close().await;
            newcomers.push(member(deployment, number, &format!("new room {number}")).await);
        }
        pages += 1;
        let Some(next) = page["cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert!(seen.values().all(|times| *times == 1), "none twice");
    for (number, _) in &staying {
        assert!(seen.contains_key(&format!("room {number}")), "room {number} was there all along");
    }
    assert!(pages >= 25, "{pages}");
    let count = deployment.operator(0).read("/api/v1/rooms?limit=1").await["count"].as_u64();
    assert_eq!(count, Some((staying.len() + going.len() + newcomers.len()) as u64));
}

async fn member(deployment: &Deployment, number: usize, room: &str) -> Client {
    let mut client = deployment.node(number).client().await;
    client.join(room).await;
    client
}
