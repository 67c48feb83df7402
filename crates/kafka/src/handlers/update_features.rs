//! `UpdateFeatures`: features are those of the release, none of which can be turned up or down.

use anymq_broker::acl::Operation;

use super::limits::ELEMENTS_MAX;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::cluster::{UpdatableFeatureResult, UpdateFeaturesRequest, UpdateFeaturesResponse};

pub(super) fn update_features(cx: &mut Cx<'_>, request: UpdateFeaturesRequest<'_>) -> Reply {
    if !cx.may_cluster(Operation::Alter) {
        let error_code = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
        return cx.reply(&UpdateFeaturesResponse { error_code, ..Default::default() });
    }
    if request.feature_updates.len() > ELEMENTS_MAX {
        return Reply::Close;
    }
    let Some(first) = request.feature_updates.iter().next() else {
        return cx.reply(&UpdateFeaturesResponse::default());
    };
    let error_code = ErrorCode::INVALID_UPDATE_VERSION;
    let says = format!(
        "The update failed for all features since the following feature had an error: Invalid update version {} for \
         feature {}. Local controller {} does not support this feature.",
        first.max_version_level,
        first.feature,
        cx.node_id()
    );
    let results = request.feature_updates.iter().map(|update| UpdatableFeatureResult {
        feature: update.feature.into(),
        error_code,
        error_message: None,
    });
    let (results, error_message) = (results.collect(), Some(says.into()));
    cx.reply(&UpdateFeaturesResponse { error_code, error_message, results, ..Default::default() })
}
