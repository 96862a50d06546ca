package wabatest

import (
	"hash/fnv"
	"math"
	"time"
)

// draw returns a number from 0 to below 1 that depends on nothing but its arguments: what happens to a message does not
// depend on which request came first.
func draw(seed uint64, what, whom string, n uint64) float64 {
	hash := fnv.New64a()
	hash.Write([]byte(what))
	hash.Write([]byte{0})
	hash.Write([]byte(whom))
	return float64(mix(hash.Sum64()^mix(seed)+mix(n))>>11) / (1 << 53)
}

// mix is the finalizer of splitmix64: neighbours come out far apart.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// of returns the delay for two numbers from 0 to below 1.
func (d Delay) of(a, b float64) time.Duration {
	if d.Median < 0 {
		return 0
	}
	if d.Spread == 0 {
		return d.Median
	}
	normal := math.Sqrt(-2*math.Log(1-a)) * math.Cos(2*math.Pi*b)
	return time.Duration(float64(d.Median) * math.Exp(d.Spread*normal))
}
