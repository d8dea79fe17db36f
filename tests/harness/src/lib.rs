//! Homes, terminals and leak checks for the tests of xdocker.
