"""The way of metric points into the store, the same for every protocol that brings them."""
