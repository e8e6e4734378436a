// Package echo is how Windows lets any user send echo requests: the calls of iphlpapi.dll. The buffers
// that they fill are read by pure functions, so that these are tested where tests run. On other
// systems there are no calls.
package echo
