//! Clock, disk, random numbers and task tracking: the parts of the outside world that tests replace.
