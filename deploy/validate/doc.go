// Package validate holds the manifests and compose files beside it against the types and loaders of Kubernetes, Kustomize
// and Compose, as these tools do themselves. It is a module of its own, because the gateway needs none of them; the test in
// the folder above runs it.
package validate
