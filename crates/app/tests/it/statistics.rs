//! Statistics, licence, health, metrics.

use std::time::Duration;

use posthouse_testkit::eventually;
use serde_json::json;

use crate::support::{Hall, ask};

both!(statistics_are_honest);

async fn statistics_are_honest(hall: &Hall) {
    hall.sending_account("own").await;
    hall.app.count_api_call("get", 200, "/v1/stats");
    hall.app.count_api_call("get", 404, "/v1/stats");
    hall.app.count_api_call("get", 200, "/v1/accounts");
    let stats = eventually("flushed counters", Duration::from_secs(5), || async {
        let stats = hall
            .call("getV1Stats", ask().query("seconds", "60"))
            .await
            .unwrap();
        (stats["counters"]["apiCall:success"] == 2).then_some(stats)
    })
    .await;
    assert_eq!(stats["counters"]["apiCall:fail"], 1);
    assert_eq!(stats["accounts"], 1);
    assert_eq!(stats["connections"]["unset"], 1);
    assert_eq!(stats["queues"]["submit"]["isPaused"], false);
    assert!(stats["redis"].as_str().unwrap().contains("no Redis"));
    assert!(stats["redisPing"].as_u64().is_some());
    let text = hall.app.metrics_text().await;
    assert!(text.contains(r#"api_call{method="get",route="/v1/stats",statusCode="404"} 1"#));
    hall.app.health().await.unwrap();
    hall.app.ready().await.unwrap();
    let license = hall.call("getV1License", ask()).await.unwrap();
    assert_eq!(license["active"], true);
    hall.call("postV1License", ask().body(json!({"license": "x"})))
        .await
        .unwrap();
    hall.call("deleteV1License", ask()).await.unwrap();
    hall.app.shutdown(Duration::from_secs(5)).await;
    assert_eq!(hall.app.ready().await.unwrap_err().status, 503);
    hall.app.store().close().await.unwrap();
    let error = hall.app.health().await.unwrap_err();
    assert_eq!(
        (error.status, error.message.as_str()),
        (500, "Database check failed")
    );
}
