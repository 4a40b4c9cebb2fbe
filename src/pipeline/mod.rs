//! One turn of the house: evaluate, observe, decide, commit, apply.
