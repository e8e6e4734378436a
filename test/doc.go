// Package test keeps the rules of the house true: the dependency map, and what
// no linter knows. Its folders hold the tests that need more than one package:
// sim runs the three roles in virtual time, e2e drives the binary in network
// namespaces with the real tools.
package test
