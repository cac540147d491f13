// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

import java.util.Map;

/**
 * What this host offers to catch system calls with, as it was tried.
 *
 * @param refusals the features that cannot be used, and how the host refused them
 */
public record HostCapabilities(Map<HostFeature, String> refusals) {
    /** A host that offers everything. */
    public static final HostCapabilities ALL = new HostCapabilities(Map.of());

    /** Copies the map. */
    public HostCapabilities {
        refusals = Map.copyOf(refusals);
    }

    /** Whether the feature can be used. */
    public boolean has(HostFeature feature) {
        return !refusals.containsKey(feature);
    }

    /** Names a missing feature and how it was refused. */
    public String describeRefusal(HostFeature feature) {
        return feature.text() + ": " + refusals.get(feature);
    }
}
