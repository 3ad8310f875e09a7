// Package adaptertest holds one suite for the adapters of all versions of Echo, and one
// for those of all versions of Fiber. The suites import no framework: each adapter's
// tests pass in what differs between the versions.
//
// Only tests import the package. The adapters of newer versions are modules of their
// own, which can import it because its path is below theirs.
package adaptertest
